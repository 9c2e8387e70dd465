import threading

import pytest

from worker.usecases.read_ahead import read_ahead


@pytest.mark.parametrize("how_many", [0, 1, 6, 7, 8, 20])
def test_everything_comes_once_in_its_order(how_many):
    with read_ahead(iter(range(how_many)), 7) as items:
        assert list(items) == list(range(how_many))


@pytest.mark.parametrize("before", [0, 3, 7, 10])
def test_what_is_raised_comes_after_what_stood_before_it(before):
    def rows():
        yield from range(before)
        raise ValueError("the file ends in the middle")

    seen = []
    with read_ahead(rows(), 7) as items, pytest.raises(ValueError, match="in the middle"):
        seen.extend(items)
    assert seen == list(range(before))


def test_the_next_ones_are_taken_while_the_first_are_worked_on_and_no_more():
    taken, second = [], threading.Event()

    def rows():
        for number in range(100):
            taken.append(number)
            if number == 19:
                second.set()
            yield number

    with read_ahead(rows(), 10) as items:
        assert next(items) == 0
        assert second.wait(30)
    assert len(taken) == 20


def test_whoever_stops_early_leaves_no_thread_behind():
    def rows():
        yield from range(100)

    def stops_early():
        with read_ahead(rows(), 10) as items:
            next(items)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stops_early()
    assert not [one for one in threading.enumerate() if one.name.startswith("read-ahead")]
