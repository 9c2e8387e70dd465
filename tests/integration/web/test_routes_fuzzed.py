"""A sample of `make fuzz-routes`: hostile requests to every route end in no 500 and change nobody they do not belong to."""

from tests.support.fuzz_routes import fuzz


def test_hostile_requests_break_no_route_and_change_no_reader_they_know_nothing_of():
    assert fuzz("a sample", 600) == []
