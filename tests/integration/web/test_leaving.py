"""Leaving by RFC 8058 and by the page: POST leaves, whatever its body; GET and HEAD never do."""

import pytest
from sqlalchemy import select, update

from tests.integration.web.conftest import PressContext
from tests.support.ledger import claim, make_mailing, planned_mailing, start
from tests.support.makers import NOW, make_subscriber, make_subscribers
from worker.domain.mailing import Queue
from worker.errors import SourceError
from worker.store.engine import reading, writing
from worker.store.tables import deliveries, mailings, subscribers, suppressions
from worker.web.app import create_app

MULTIPART = (
    b'--b0undary\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--b0undary--\r\n'
)


@pytest.fixture
def reader(context):
    with writing(context.engine) as connection:
        return make_subscriber(connection, address="ada@example.com")


def state(context):
    with reading(context.engine) as connection:
        return (
            connection.execute(select(subscribers.c.status, subscribers.c.unsubscribed_at)).all(),
            connection.execute(select(*(one for one in suppressions.c if one.name != "pushed_at"))).all(),
        )


LEFT = ([("unsubscribed", NOW)], [("ada@example.com", "unsubscribed", NOW, "link:mailing 3")])
STAYS = ([("confirmed", None)], [])


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"List-Unsubscribe=One-Click", "application/x-www-form-urlencoded"),
        (MULTIPART, "multipart/form-data; boundary=b0undary"),
        (MULTIPART[:40], "multipart/form-data; boundary=b0undary"),
        (b"", None),
    ],
    ids=["urlencoded", "multipart", "broken multipart", "no body"],
)
def test_a_one_click_post_leaves_without_cookie_or_redirect(context, client, signer, reader, body, content_type):
    answer = client.post(signer.unsubscribe_path(reader.id, 3), data=body, content_type=content_type)
    assert answer.status_code == 200
    assert "Set-Cookie" not in answer.headers
    assert state(context) == LEFT


def test_leaving_again_and_again_changes_nothing_more(context, client, signer, reader):
    for _ in range(3):
        assert client.post(signer.unsubscribe_path(reader.id, 3)).status_code == 200
    assert state(context) == LEFT


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_opening_the_link_shows_a_page_and_changes_nothing(context, client, signer, reader, method):
    answer = client.open(signer.unsubscribe_path(reader.id, 3), method=method)
    assert answer.status_code == 200
    assert state(context) == STAYS
    if method == "GET":
        assert b'<form method="post">' in answer.data
        assert b"ada@example.com" not in answer.data


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "harm", [lambda path: path[:-1], lambda path: path + ")", lambda _: "/u/x", lambda path: path.replace("/u/", "/m/")]
)
def test_a_damaged_link_gets_a_friendly_404_and_changes_nothing(context, client, signer, reader, method, harm):
    answer = client.open(harm(signer.unsubscribe_path(reader.id, 3)), method=method)
    assert answer.status_code in ((404, 405) if method == "POST" else (404,))
    assert b"<h1>" in answer.data
    assert state(context) == STAYS


def test_a_manage_link_does_not_unsubscribe_when_posted_as_one(context, client, signer, reader):
    token = signer.manage_path(reader.id, 3).removeprefix("/m/")
    assert client.post(f"/u/{token}").status_code == 404
    assert state(context) == STAYS


def test_the_manage_page_leads_out_with_one_button(context, client, signer, reader):
    page = client.get(signer.manage_path(reader.id)).text
    assert "The Slow Ladder" in page
    action = page.partition('action="')[2].partition('"')[0]
    assert client.post(action).status_code == 200
    assert state(context)[0] == [("unsubscribed", NOW)]
    page = client.get(signer.manage_path(reader.id)).text
    assert "<button" not in page


def test_only_a_paying_reader_is_told_about_payment(context, client, signer):
    with writing(context.engine) as connection:
        pays, reads = make_subscriber(connection, "paid"), make_subscriber(connection)
    assert "payment" in client.post(signer.unsubscribe_path(pays.id, 0)).text
    assert "payment" not in client.post(signer.unsubscribe_path(reads.id, 0)).text


def test_a_link_of_somebody_who_is_not_here_any_more_is_answered_kindly(client, signer):
    assert client.post(signer.unsubscribe_path(987_654, 3)).status_code == 200
    assert client.get(signer.manage_path(987_654)).status_code == 200


def test_who_leaves_between_planning_and_the_call_is_skipped(context, client, signer, reader):
    with writing(context.engine) as connection:
        make_subscriber(connection, address="bea@example.com")
    mailing_id = planned_mailing(context.engine)
    client.post(signer.unsubscribe_path(reader.id, mailing_id))
    started = start(context.engine, claim(context.engine, mailing_id))
    assert [one.address for one in started.recipients] == ["bea@example.com"]
    with reading(context.engine) as connection:
        reasons = dict(connection.execute(select(deliveries.c.address_key, deliveries.c.skipped_reason)).all())
    assert reasons == {"ada@example.com": "unsubscribed", "bea@example.com": None}


def test_readers_can_leave_while_the_publication_file_is_broken(make_context, sqlite_url, signer):
    class BrokenContext(PressContext):
        @property
        def publication(self):
            raise SourceError("a quote is missing", file="content/publication.toml", line=3)

    context = BrokenContext(make_context(sqlite_url).settings)
    with writing(context.engine) as connection:
        reader = make_subscriber(connection)
    answer = create_app(context).test_client().post(signer.unsubscribe_path(reader.id, 3))
    assert answer.status_code == 200
    assert state(context)[0][0].status == "unsubscribed"
    context.engine.dispose()


@pytest.mark.parametrize(("waits", "offered"), [(False, 0), (True, 1)])
def test_leaving_tells_sendgrid_at_once_only_while_mail_waits_there(
    make_context, sqlite_url, valkey_url, signer, waits, offered
):
    context = make_context(sqlite_url, redis_url=valkey_url)
    with writing(context.engine) as connection:
        readers = make_subscribers(connection, 3)
        mailing_id = make_mailing(connection)
        if waits:
            connection.execute(update(mailings).where(mailings.c.id == mailing_id).values(status="staged"))
    client = create_app(context, now=lambda: NOW).test_client()
    for reader in readers:
        assert client.post(signer.unsubscribe_path(reader.id, mailing_id)).status_code == 200
    assert context.queue.depth(Queue.PROMPT) == offered
    context.queue.redis.close()
