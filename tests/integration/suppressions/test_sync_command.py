"""`broadsheet suppressions sync`: what it prints, its exit codes, and what the clock, the jobs and the page for leaving offer."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from tests.support.commands import copy_project
from tests.support.ledger import make_mailing
from tests.support.makers import make_suppression
from tests.support.sending import BASE_URL, KEY, SECRET
from worker import jobs
from worker.clock import find_due
from worker.config import load_settings
from worker.context import Context
from worker.mailroom import faults
from worker.store.engine import writing
from worker.store.suppressions import reasons_for
from worker.store.tables import mailings


@pytest.fixture
def project(tmp_path, sqlite_url, mailroom):
    folder = tmp_path / "project"
    folder.mkdir()
    given = {"database_url": sqlite_url, "base_url": BASE_URL, "secret_key": SECRET}
    return copy_project(folder, **given, sendgrid_api_key=KEY, sendgrid_api_url=mailroom.url)


@pytest.fixture
def own(project):
    one = Context(load_settings(project, {}))
    yield one
    one.engine.dispose()


@pytest.fixture
def two_sides(own, mailroom):
    mailroom.suppressions.add("unsubscribes", "theirs@example.com", int(datetime.now(UTC).timestamp()) - 60)
    with writing(own.engine) as connection:
        make_suppression(connection, "ours@example.com", "unsubscribed")


def reasons(context):
    with writing(context.engine) as connection:
        return reasons_for(connection, ["theirs@example.com", "ours@example.com"])


def test_a_dry_run_says_what_would_change(broadsheet, project, own, mailroom, two_sides):
    ended = broadsheet("suppressions", "sync", "--dry-run", "--json", "--project", project)
    assert (ended.code, ended.json["new"]["unsubscribes"], ended.json["pushed"]) == (0, 1, 1)
    assert ended.json["dry_run"] is True
    assert list(reasons(own)) == ["ours@example.com"]
    assert mailroom.suppressions.addresses("unsubscribes") == ["theirs@example.com"]


def test_a_run_brings_both_sides_together_and_says_so(broadsheet, project, own, mailroom, two_sides):
    ended = broadsheet("suppressions", "sync", "--project", project)
    assert ended.code == 0
    assert "1 opt-outs were told to SendGrid" in ended.out
    assert "unsubscribes" in ended.out
    assert "example.com" not in ended.out
    assert len(reasons(own)) == 2
    assert mailroom.suppressions.addresses("unsubscribes") == ["ours@example.com", "theirs@example.com"]


def test_a_run_that_could_not_finish_ends_with_1_and_names_the_scope(broadsheet, project, own, mailroom, two_sides):
    mailroom.script_faults(faults.status(403).calling("/v3/suppression/unsubscribes"))
    ended = broadsheet("suppressions", "sync", "--project", project)
    assert ended.code == 1
    assert "suppression.read" in ended.err


def test_the_clock_offers_the_daily_run_once_and_the_push_while_mail_waits(own, two_sides, monkeypatch):
    now = datetime.now(UTC)
    assert [due.job for due in find_due(own, now)] == ["sync_suppressions"]
    with writing(own.engine) as connection:
        mailing_id = make_mailing(connection, send_at=now + timedelta(hours=3))
        connection.execute(update(mailings).where(mailings.c.id == mailing_id).values(status="staged"))
    offered = [due.job for due in find_due(own, now)]
    assert offered[:2] == ["push_suppressions", "sync_suppressions"]
    monkeypatch.setattr(jobs, "_context", lambda: own)
    jobs.push_suppressions(0)
    jobs.sync_suppressions(0)
    assert not {"push_suppressions", "sync_suppressions"} & {due.job for due in find_due(own, now)}
    assert len(reasons(own)) == 2
