"""`send --local`: at that hour where each reader lives."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import update

from tests.support.sending import SAMPLE
from worker.store.engine import writing
from worker.store.tables import subscribers
from worker.usecases.plan_mailing import plan_mailing


def test_send_local_shows_the_hours_and_plans_with_the_first_of_them(on, readers, context):
    with writing(context.engine) as connection:
        connection.execute(update(subscribers).where(subscribers.c.id <= 3).values(zone="Asia/Tokyo"))
    day = datetime.now(UTC) + timedelta(days=3)
    ended = on("send", SAMPLE, "--yes", "--local", "--at", f"{day:%Y-%m-%d} 07:00")
    assert ended.code == 0
    assert "at, in America/Denver" in ended.out
    seen = on("status", SAMPLE, "--json").json
    assert (seen["local_hour"], seen["stage_at"]) == (True, None)
    assert datetime.fromisoformat(seen["send_at"]).strftime("%H:%M") == "22:00", "07:00 in Tokyo is 22:00 UTC"
    plan_mailing(context.engine, 1, context.prepare, datetime.now(UTC))
    assert on("status", SAMPLE, "--json").json["audience"] == 12
    assert "where they live" in on("status", SAMPLE).out


def test_local_needs_an_hour(on, readers):
    ended = on("send", SAMPLE, "--yes", "--local")
    assert (ended.code, "--local needs an hour" in ended.err) == (2, True)
