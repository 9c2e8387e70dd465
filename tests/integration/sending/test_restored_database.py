"""The fence: a database that came back from a copy sends nothing, says why, and goes on when a person says so."""

import sqlite3

import pytest
from sqlalchemy import delete, update

from tests.support.ledger import counts
from tests.support.mailroom import messages
from tests.support.sending import BASE_URL, KEY, PROJECT, SECRET, mailing_for, mailing_row, submit
from worker.domain.delivery import DeliveryState
from worker.store.engine import reading, writing
from worker.store.installation import fenced_reason
from worker.store.tables import batches, submissions


@pytest.fixture
def restored(context):
    """A mailing that went out, in a database that has forgotten the second half of it."""
    mailing_id = mailing_for(context, 40, batch_size=10)
    submit(context, mailing_id)
    with writing(context.engine) as connection:
        connection.execute(delete(submissions).where(submissions.c.id > 2))
        connection.execute(update(batches).where(batches.c.id > 2).values(status="pending", claim_token=None))
    return mailing_id


def test_a_restored_database_sends_nothing_and_says_why(context, restored, mailroom):
    assert len(messages(mailroom)) == 40
    submit(context, restored)
    assert len(messages(mailroom)) == 40
    with reading(context.engine) as connection:
        assert "restored from a backup" in fenced_reason(connection)
    assert counts(context.engine, restored).by_state[DeliveryState.PENDING] == 20


def test_the_fence_stands_for_every_other_mailing_too(context, restored, mailroom):
    submit(context, restored)
    other = mailing_for(context, 5)
    submit(context, other)
    assert len(messages(mailroom)) == 40
    assert mailing_row(context.engine, other).status == "sending"


def test_a_person_lets_a_restored_database_go_on(context, restored, broadsheet, database_url, tmp_path):
    submit(context, restored)
    settings = {
        "DATABASE_URL": database_url,
        "STATE_DIR": str(tmp_path / "state"),
        "BASE_URL": BASE_URL,
        "SECRET_KEY": SECRET,
        "SENDGRID_API_KEY": KEY,
    }

    def run(*words):
        return broadsheet(*words, "--project", str(PROJECT), env=settings)

    seen = run("status", str(restored))
    assert (seen.code, "restored from a backup" in seen.out) == (1, True)
    assert "restored from a backup" in run("status").out
    assert run("resume", "--after-restore").code == 0
    submit(context, restored)
    assert counts(context.engine, restored).by_state[DeliveryState.SUBMITTED] == 40
    assert run("status", str(restored)).code == 0


def test_a_copy_of_the_file_that_is_put_back_is_found_out(make_context, mailroom, tmp_path, sqlite_url):
    """As it happens: the file is copied by SQLite's own means in the middle, and put back after the rest went out."""
    context = make_context(mailroom.url, url=sqlite_url)
    mailing_id = mailing_for(context, 30, batch_size=10)
    live, copy = tmp_path / "broadsheet.db", tmp_path / "copy.db"
    with sqlite3.connect(live) as source:
        source.execute("VACUUM INTO ?", (str(copy),))
    source.close()
    submit(context, mailing_id)
    context.engine.dispose()
    for name in ("broadsheet.db-wal", "broadsheet.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    copy.replace(live)
    again = make_context(mailroom.url, url=sqlite_url)
    submit(again, mailing_id)
    assert len(messages(mailroom)) == 30
    with reading(again.engine) as connection:
        assert fenced_reason(connection)
