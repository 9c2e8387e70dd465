"""The event route: signed or refused, recorded before it is answered, and never brought down by one odd event."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from tests.support.ledger import claim_and_start, planned_mailing, statuses
from tests.support.makers import NOW, make_subscribers
from worker.errors import SettingsError
from worker.providers.sendgrid_payload import DELIVERY_ARG, SUBMISSION_ARG
from worker.store.engine import reading, writing
from worker.store.suppressions import reasons_for
from worker.store.tables import deliveries, events
from worker.web.app import create_app

URL = "/webhooks/sendgrid"


def event(kind="delivered", address="ada@example.com", **more):
    return {"event": kind, "email": address, "timestamp": int(NOW.timestamp()), "sg_event_id": f"id-{kind}"} | more


def kept(context):
    with reading(context.engine) as connection:
        return connection.execute(select(func.count()).select_from(events)).scalar_one()


def suppressed(context, *addresses):
    with reading(context.engine) as connection:
        return reasons_for(connection, addresses)


def test_signed_events_are_committed_before_the_answer(context, client, sender):
    assert sender.post(client, [event("spamreport"), event("open")]).status_code == 204
    assert kept(context) == 2
    assert suppressed(context, "ada@example.com") == {"ada@example.com": "complained"}


def test_a_whole_call_reaches_the_ledger(context, client, sender):
    with writing(context.engine) as connection:
        make_subscribers(connection, 3)
    mailing_id = planned_mailing(context.engine)
    batch = claim_and_start(context.engine, mailing_id)
    kinds = ("delivered", "bounce", "dropped")
    sent = [
        event(
            kind,
            one.address,
            reason="Unsubscribed Address",
            **{DELIVERY_ARG: str(one.delivery_id), SUBMISSION_ARG: batch.submission_key},
        )
        for kind, one in zip(kinds, batch.recipients, strict=True)
    ]
    assert sender.post(client, sent).status_code == 204
    assert statuses(context.engine, mailing_id) == ["submitted"]
    with reading(context.engine) as connection:
        outcomes = connection.execute(select(deliveries.c.outcome).order_by(deliveries.c.id)).scalars().all()
    assert outcomes == ["delivered", "bounced", "dropped"]
    _, second, third = (one.address for one in batch.recipients)
    assert suppressed(context, *(one.address for one in batch.recipients)) == {
        second: "bounced",
        third: "unsubscribed",
    }


def test_a_call_repeated_a_day_later_adds_nothing(context, client, sender):
    body = json.dumps([event("bounce")]).encode()
    for at in (NOW, NOW - timedelta(hours=24)):
        assert client.post(URL, data=body, headers=sender.headers(body, at)).status_code == 204
    assert kept(context) == 1


def test_the_signature_holds_for_the_bytes_as_they_came(context, client, sender):
    body = b'[\r\n  {"event" : "spamreport",\r\n "email":"ada@example.com", "timestamp": 1794816000 }\r\n]\r\n'
    assert client.post(URL, data=body, headers=sender.headers(body)).status_code == 204
    assert suppressed(context, "ada@example.com") == {"ada@example.com": "complained"}


def test_every_byte_changed_is_refused(context, client, sender):
    body = json.dumps([event()]).encode()
    headers = sender.headers(body)
    for place in range(0, len(body), 7):
        changed = body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]
        assert client.post(URL, data=changed, headers=headers).status_code == 401
    assert kept(context) == 0


@pytest.mark.parametrize("missing", ["Signature", "Timestamp"])
@pytest.mark.parametrize("value", [None, "", "not base64 !", "MEUCIQ=="])
def test_a_call_without_a_usable_signature_is_refused(context, client, sender, missing, value):
    body = json.dumps([event()]).encode()
    headers = sender.headers(body)
    name = f"X-Twilio-Email-Event-Webhook-{missing}"
    del headers[name]
    if value is not None:
        headers[name] = value
    assert client.post(URL, data=body, headers=headers).status_code == 401
    assert kept(context) == 0


def test_an_old_call_cannot_be_replayed(context, client, sender):
    body = json.dumps([event()]).encode()
    assert client.post(URL, data=body, headers=sender.headers(body, NOW - timedelta(days=3))).status_code == 401
    assert kept(context) == 0


@pytest.mark.parametrize("key", ["", "  "])
def test_without_a_key_everything_is_refused(make_context, sqlite_url, sender, key, caplog):
    context = make_context(sqlite_url, sendgrid_webhook_public_key=key)
    client = create_app(context, now=lambda: NOW).test_client()
    assert sender.post(client, [event()]).status_code == 403
    assert kept(context) == 0
    assert any("SENDGRID_WEBHOOK_PUBLIC_KEY" in str(record.__dict__.get("fields")) for record in caplog.records)


def test_a_key_that_is_none_stops_the_web_process_at_its_start_and_names_the_setting(make_context, sqlite_url):
    context = make_context(sqlite_url, sendgrid_webhook_public_key="not the secret you look for")
    with pytest.raises(SettingsError, match="SENDGRID_WEBHOOK_PUBLIC_KEY: is no verification key; copy it") as told:
        create_app(context)
    assert "not the secret" not in str(told.value)


@pytest.mark.parametrize("body", [b"", b"[", b"\xff\xfe", b"event=delivered"])
def test_what_is_not_json_is_a_400(context, client, sender, body):
    assert client.post(URL, data=body, headers=sender.headers(body)).status_code == 400


def test_odd_events_do_not_cost_the_others(context, client, sender):
    odd = [
        7,
        None,
        {},
        {"event": None, "email": None, "timestamp": None},
        event("a kind from next year"),
        event("bounce", "not an address", type="bounce"),
        event("bounce", "zoe@example.com", **{DELIVERY_ARG: "9" * 40, "reason": "550 \u0000 x", "type": "bounce"}),
        event("delivered", "x@example.com", timestamp="yesterday"),
    ]
    assert sender.post(client, odd).status_code == 204
    assert kept(context) == 6
    assert suppressed(context, "zoe@example.com") == {"zoe@example.com": "bounced"}


def test_a_full_call_of_a_thousand_events_is_taken_whole(context, client, sender):
    many = [event("delivered", f"r{number}@example.com", reason="x" * 500) for number in range(1_200)]
    assert len(json.dumps(many)) > 700_000
    assert sender.post(client, many).status_code == 204
    assert kept(context) == 1_200


def test_a_failing_database_is_no_2xx_so_that_sendgrid_repeats(context, client, sender):
    with writing(context.engine) as connection:
        connection.exec_driver_sql("ALTER TABLE deliveries RENAME TO elsewhere")
    try:
        complaint = event("spamreport", "", **{DELIVERY_ARG: "5", SUBMISSION_ARG: "s"})
        assert sender.post(client, [complaint]).status_code == 500
    finally:
        with writing(context.engine) as connection:
            connection.exec_driver_sql("ALTER TABLE elsewhere RENAME TO deliveries")
    assert kept(context) == 0
    assert sender.post(client, [complaint]).status_code == 204
    assert kept(context) == 1


def test_no_log_line_of_the_route_holds_an_address(client, sender, caplog):
    caplog.set_level("DEBUG")
    sender.post(client, [event("bounce", "ada@example.com", reason="550 ada@example.com unknown")])
    assert "ada@example.com" not in "".join(str(record.__dict__) for record in caplog.records)
