"""What holds for every page: headers, cookies, no script, no token in the log; and the pages anybody may open."""

import logging

import pytest
from sqlalchemy import select

from tests.support.makers import NOW, make_subscriber
from worker.errors import SettingsError
from worker.logs import JsonLines
from worker.store.clock_lease import note_tick
from worker.store.engine import reading, writing
from worker.store.referrers import set_named
from worker.store.subscribers import by_referral_code
from worker.store.tables import referrals, subscribers
from worker.web.app import BODY_LIMIT, create_app


@pytest.fixture
def context(make_context, sqlite_url, sender):
    """These tests write next to nothing: one database is enough."""
    return make_context(sqlite_url, sendgrid_webhook_public_key=sender.public_key, ops_password="open sesame")


@pytest.fixture
def paths(context, signer):
    with writing(context.engine) as connection:
        reader = make_subscriber(connection, name="Ada Moreno", address="ada@example.com")
    return {
        "home": "/",
        "leave": signer.unsubscribe_path(reader.id, 3),
        "manage": signer.manage_path(reader.id),
        "recommend": f"/r/{reader.referral_code}",
        "damaged": "/u/damaged",
        "missing": "/no/such/page",
        "closed": "/ops",
        "healthz": "/healthz",
    }


def test_every_answer_carries_the_headers_and_only_a_readers_public_link_a_cookie(client, paths):
    for name, path in paths.items():
        headers = client.get(path).headers
        assert "default-src 'none'" in headers["Content-Security-Policy"], name
        assert "script-src" not in headers["Content-Security-Policy"], name
        assert headers["X-Content-Type-Options"] == "nosniff", name
        assert headers["Referrer-Policy"] == "no-referrer", name
        assert headers["Cache-Control"] == "no-store", name
        assert ("Set-Cookie" in headers) is (name == "recommend"), name
        assert ("X-Robots-Tag" in headers) is (name != "home"), name


def test_pages_have_no_script_and_no_style_of_their_own(client, paths):
    for path in paths.values():
        page = client.get(path).text
        assert "<script" not in page
        assert "<style" not in page
        assert "style=" not in page


def test_https_is_made_to_last_where_the_public_address_is_https(make_context, sqlite_url):
    app = create_app(make_context(sqlite_url, base_url="https://letters.example.com"))
    assert "max-age" in app.test_client().get("/healthz").headers["Strict-Transport-Security"]


def test_no_log_line_holds_a_token_an_address_or_a_name(client, paths, caplog):
    caplog.set_level(logging.DEBUG)
    for path in paths.values():
        client.get(path)
        client.post(path)
    lines = "\n".join(JsonLines().format(record) for record in caplog.records)
    assert '"route": "/u/<token>"' in lines
    for secret in (paths["leave"][3:], paths["manage"][3:], paths["recommend"][3:], "ada@", "Moreno"):
        assert secret not in lines


def test_a_bug_is_logged_without_the_path_and_the_message(make_context, sqlite_url, signer, caplog):
    context = make_context(sqlite_url)
    app = create_app(context)
    with writing(context.engine) as connection:
        connection.exec_driver_sql("ALTER TABLE subscribers RENAME TO elsewhere")
    path = signer.unsubscribe_path(7, 3)
    answer = app.test_client().post(path)
    assert answer.status_code == 500
    assert "Nothing was changed" in answer.text
    lines = "\n".join(JsonLines().format(record) for record in caplog.records)
    assert '"kind": "OperationalError"' in lines
    assert path[3:] not in lines
    assert "no such table" not in lines


def agree_to_be_named(context, code):
    with writing(context.engine) as connection:
        set_named(connection, by_referral_code(connection, code).id, True, NOW)


def test_a_referral_page_names_nobody_who_has_not_agreed_and_counts_nothing(context, client, paths):
    answer = client.get(paths["recommend"])
    assert "A reader recommends" in answer.text
    for word in ("Ada", "Moreno", "ada@example.com"):
        assert word not in answer.text
    with reading(context.engine) as connection:
        assert connection.execute(select(referrals)).all() == []


def test_a_referral_page_shows_the_first_name_of_who_agreed_until_they_leave(context, client, paths):
    agree_to_be_named(context, paths["recommend"][3:])
    page = client.get(paths["recommend"]).text
    assert "Ada recommends" in page
    assert "Moreno" not in page
    client.post(paths["leave"])
    assert "Ada" not in client.get(paths["recommend"]).text


def test_a_name_with_markup_is_shown_as_text(context, client):
    with writing(context.engine) as connection:
        reader = make_subscriber(connection, name="<img/src=x> Smith")
    agree_to_be_named(context, reader.referral_code)
    page = client.get(f"/r/{reader.referral_code}").text
    assert "&lt;img/src=x&gt; recommends" in page
    assert "<img" not in page


@pytest.mark.parametrize("code", ["nobodys", "%00", "%F0%9F%92%A9", "x" * 3000])
def test_a_link_that_is_nobodys_says_so_and_lets_people_subscribe_all_the_same(client, code):
    answer = client.get(f"/r/{code}")
    assert answer.status_code == 404
    assert "It leads to nobody" in answer.text
    assert 'name="address"' in answer.text
    assert 'name="r"' not in answer.text
    assert "Set-Cookie" not in answer.headers


def test_a_mistyped_link_is_told_from_one_that_is_nobodys(client, paths):
    code = paths["recommend"][3:]
    swapped = code[1] + code[0] + code[2:] if code[0] != code[1] else code[:-1] + ("0" if code[-1] != "0" else "1")
    assert "mistyped" in client.get(f"/r/{swapped}").text


def test_a_wrong_method_and_a_huge_body_get_pages_too(client):
    assert client.delete("/").status_code == 405
    assert client.get("/webhooks/sendgrid").status_code == 405
    assert client.get("/webhooks/sendgrid").headers["Allow"] == "POST"
    assert client.post("/webhooks/sendgrid", data=b"x" * (BODY_LIMIT * 200)).status_code == 413


def test_healthz_needs_nothing(client):
    assert client.get("/healthz").json == {"alive": True}


def test_readyz_names_what_is_missing(client):
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json == {"ready": False, "database": True, "queue": False, "clock": False}


def test_readyz_is_content_once_queue_and_clock_are_there(make_context, sqlite_url, valkey_url):
    context = make_context(sqlite_url, redis_url=valkey_url)
    note_tick(context.engine)
    answer = create_app(context).test_client().get("/readyz")
    assert answer.json == {"ready": True, "database": True, "queue": True, "clock": True}
    assert answer.status_code == 200
    context.queue.redis.close()


def test_readyz_notices_a_clock_that_stopped_and_a_database_that_is_gone(make_context, sqlite_url, tmp_path):
    context = make_context(sqlite_url)
    with writing(context.engine) as connection:
        connection.exec_driver_sql("UPDATE installation SET ticked_at = 0")
    assert create_app(context).test_client().get("/readyz").json["clock"] is False
    empty = make_context(f"sqlite:///{tmp_path / 'empty.db'}")
    assert create_app(empty).test_client().get("/readyz").json["database"] is False


def test_without_a_secret_nothing_starts(make_context, sqlite_url):
    with pytest.raises(SettingsError, match="SECRET_KEY"):
        create_app(make_context(sqlite_url, secret_key=""))


def test_the_time_of_leaving_is_the_time_given(context, client, paths):
    client.post(paths["leave"])
    with reading(context.engine) as connection:
        assert connection.execute(select(subscribers.c.unsubscribed_at)).scalar_one() == NOW
