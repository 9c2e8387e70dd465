"""The job that plans a mailing, as a worker runs it."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from tests.support.commands import copy_project
from tests.support.makers import make_subscribers
from tests.support.sending import BASE_URL, KEY, SAMPLE, SECRET
from worker import jobs, sources
from worker.config import load_settings
from worker.context import Context
from worker.domain.subscriber import Plan
from worker.store.engine import reading, writing
from worker.store.tables import deliveries, editions
from worker.usecases import end_plans
from worker.usecases.schedule_broadcast import read_hour, schedule_broadcast


@pytest.fixture
def project(tmp_path, sqlite_url, valkey_url):
    settings = {"sendgrid_api_key": KEY, "redis_url": valkey_url, "batch_size": "5"}
    return copy_project(tmp_path, database_url=sqlite_url, base_url=BASE_URL, secret_key=SECRET, **settings)


@pytest.fixture
def context(project, monkeypatch):
    monkeypatch.setenv("BROADSHEET_PROJECT", str(project))
    jobs._context.cache_clear()
    one = Context(load_settings(project, {}))
    yield one
    one.engine.dispose()
    jobs._context().engine.dispose()
    jobs._context.cache_clear()


def schedule(context):
    issue = sources.read_issue(context.settings.project, SAMPLE)
    now = datetime.now(UTC)
    hour = read_hour(None, context.publication.slot.zone, now)
    return schedule_broadcast(
        context.engine, issue, context.publication, segment="everyone", hour=hour, batch_size=5, now=now
    )


def test_whoever_s_paid_time_has_ended_gets_the_free_edition_however_many_end_at_one_midnight(context, monkeypatch):
    monkeypatch.setattr(end_plans, "MOST", 4)
    with writing(context.engine) as connection:
        ended = datetime.now(UTC) - timedelta(days=2)
        make_subscribers(connection, 11, plan="paid", plan_source="trial", plan_ends_at=ended)
        make_subscribers(connection, 2, plan="paid")
    jobs.plan_mailing(schedule(context))
    with reading(context.engine) as connection:
        query = select(editions.c.plan).join(deliveries, deliveries.c.edition_id == editions.c.id)
        got = connection.execute(query).scalars().all()
    assert (got.count(Plan.FREE), got.count(Plan.PAID)) == (11, 2)
