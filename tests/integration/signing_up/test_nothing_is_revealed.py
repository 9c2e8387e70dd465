"""The answer to a sign-up is the same for everybody, and so is the work before it: nothing is left that could tell."""

import pytest
from sqlalchemy import event, select

from tests.support.makers import make_subscriber, make_suppression
from worker.store.engine import reading, writing
from worker.store.tables import signup_counts

PEOPLE = ("nobody", "confirmed", "pending", "unsubscribed", "complained", "bounced", "forgotten")


@pytest.fixture
def people(post):
    with writing(post.context.engine) as connection:
        make_subscriber(connection, "paid", address="confirmed@example.com")
        make_subscriber(connection, address="pending@example.com", status="pending")
        for reason in ("unsubscribed", "complained", "bounced"):
            make_subscriber(connection, address=f"{reason}@example.com", suppressed=reason)
        make_suppression(connection, "forgotten@example.com", "unsubscribed")
    return [f"{one}@example.com" for one in PEOPLE]


@pytest.fixture
def statements(post):
    """`statements()`: what was asked of the database since the last look."""
    seen = []

    def see(_connection, _cursor, statement, *_):
        seen.append(statement)

    event.listen(post.context.engine, "before_cursor_execute", see)

    def take():
        found = list(seen)
        seen.clear()
        return found

    yield take
    event.remove(post.context.engine, "before_cursor_execute", see)


def answer(post, address):
    reply = post.sign_up(address)
    return reply.status_code, reply.data, [pair for pair in reply.headers if pair[0] != "Date"]


def test_answer_headers_and_every_statement_are_the_same_whoever_it_is_and_however_often(post, people, statements):
    post.sign_up("first@example.com")
    statements()
    found = []
    for _ in range(2):
        for address in people:
            found.append((answer(post, address), statements()))
    assert found[0][1]
    assert [one for one in found if one != found[0]] == []


def test_no_statement_before_the_answer_looks_at_a_subscriber_or_a_suppression(post, people, statements):
    answer(post, people[1])
    assert not [one for one in statements() if "subscribers" in one or "suppressions" in one or "mailings" in one]


def test_the_counts_hold_no_address_and_no_network(post, people):
    for address in people:
        post.sign_up(address)
    post.work()
    with reading(post.context.engine) as connection:
        names = connection.execute(select(signup_counts.c.name)).scalars().all()
    assert len(names) > 3
    assert {len(name) for name in names} == {32}


def test_counts_and_the_sign_ups_themselves_are_gone_when_they_are_not_needed_any_more(post):
    post.sign_up()
    post.work()
    post.later(days=4)
    post.work()
    with reading(post.context.engine) as connection:
        assert connection.execute(select(signup_counts)).all() == []


def test_no_log_line_holds_who_signed_up(post, caplog):
    from worker.logs import JsonLines

    caplog.set_level("DEBUG")
    post.sign_up(name="Ada Moreno")
    post.work()
    post.confirm()
    post.work()
    lines = "\n".join(JsonLines().format(record) for record in caplog.records)
    assert '"route": "/subscribe"' in lines
    for secret in ("ada@", "Moreno", "198.51.100", post.link("c")[3:]):
        assert secret not in lines
