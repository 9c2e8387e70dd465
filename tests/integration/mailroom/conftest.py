import pytest

from tests.support.mailroom import Sender, mailroom, start_mailroom  # noqa: F401  (fixtures)


@pytest.fixture
def sender(mailroom):  # noqa: F811
    one = Sender(mailroom)
    yield one
    one.connection.close()


@pytest.fixture
def connect():
    opened = []

    def open_one(room):
        opened.append(Sender(room))
        return opened[-1]

    yield open_one
    for one in opened:
        one.connection.close()
