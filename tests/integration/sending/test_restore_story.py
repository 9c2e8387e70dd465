"""A restore as an operator lives it: nothing goes until a person says so, and what the database forgot is decided by hand."""

from collections import Counter
from datetime import UTC, datetime

import pytest
from sqlalchemy import delete, text, update

from tests.support.mailroom import messages
from tests.support.sending import BASE_URL, KEY, PROJECT, SECRET, mailing_for, open_context, submit
from worker.domain.event import Event, EventType
from worker.store.engine import reading, writing
from worker.store.installation import fenced_reason
from worker.store.tables import batches, installation, submissions
from worker.usecases.desk import open_desk
from worker.usecases.ready_batch import make_ready
from worker.usecases.record_events import record_events
from worker.usecases.submit_batch import Round, start
from worker.usecases.watch_restore import look_for_restore


def go_back(engine, kept):
    """The database as a backup knew it: `kept` submissions, all later batches pending, its numbers given again."""
    with writing(engine) as connection:
        connection.execute(delete(submissions).where(submissions.c.id > kept))
        later = update(batches).where(batches.c.id > kept)
        connection.execute(later.values(status="pending", claim_token=None, lease_until=None, attempts=0))
        connection.execute(update(installation).values(fenced_reason=None))
        if engine.dialect.name == "sqlite":
            connection.execute(
                text("UPDATE sqlite_sequence SET seq = :kept WHERE name = 'submissions'"), {"kept": kept}
            )
        else:
            connection.execute(text("SELECT setval('submissions_id_seq', :next, false)"), {"next": kept + 1})


def fenced(engine):
    with reading(engine) as connection:
        return fenced_reason(connection) is not None


def times_reached(mailroom):
    return set(Counter(one["to"] for one in messages(mailroom)).values())


@pytest.fixture
def host(database_url, mailroom, tmp_path):
    """`host("a")`: a context on a host with a STATE_DIR of that name."""
    made = []

    def make(name):
        made.append(open_context(database_url, mailroom.url, tmp_path / name))
        return made[-1]

    yield make
    for one in made:
        one.engine.dispose()


@pytest.fixture
def command(broadsheet, database_url, mailroom, tmp_path):
    """`command("a", "status")`: a command on host a."""

    def run(name, *words):
        settings = {
            "DATABASE_URL": database_url,
            "STATE_DIR": str(tmp_path / name),
            "BASE_URL": BASE_URL,
            "SECRET_KEY": SECRET,
            "SENDGRID_API_KEY": KEY,
            "SENDGRID_API_URL": mailroom.url,
        }
        return broadsheet(*words, "--project", str(PROJECT), env=settings)

    return run


def test_a_job_that_runs_on_while_the_database_goes_back_calls_for_nobody(host, mailroom):
    a = host("a")
    mailing_id = mailing_for(a, 30, batch_size=10)
    submit(a, mailing_id)
    go_back(a.engine, 0)
    desk = open_desk(a.engine, a.provider, mailing_id, host("fresh").terms)  # a job begun before; it looked already
    ready = make_ready(desk)
    old = open_context(str(a.settings.database_url), mailroom.url, a.settings.state_dir)
    object.__setattr__(desk.terms, "mark", old.terms.mark)
    assert start(desk, ready) is Round.STOP
    assert fenced(a.engine)
    assert len(messages(mailroom)) == 30
    assert times_reached(mailroom) == {1}


def test_a_gap_of_one_submission_is_seen_at_the_start_too(host, mailroom):
    a = host("a")
    mailing_id = mailing_for(a, 20, batch_size=10)
    submit(a, mailing_id)
    go_back(a.engine, 1)
    desk = open_desk(a.engine, a.provider, mailing_id, host("fresh").terms)
    object.__setattr__(desk.terms, "mark", a.terms.mark)
    assert start(desk, make_ready(desk)) is Round.STOP
    assert fenced(a.engine)
    assert len(messages(mailroom)) == 20


def test_a_host_that_only_looked_on_notices_a_restore(host, mailroom):
    a, b = host("a"), host("b")
    mailing_id = mailing_for(a, 20, batch_size=10)
    submit(a, mailing_id)
    assert look_for_restore(b.engine, b.terms.mark) is False  # as its clock does on every tick
    go_back(a.engine, 0)
    submit(b, mailing_id)
    assert fenced(b.engine)
    assert len(messages(mailroom)) == 20


def test_every_host_of_its_own_has_to_be_told(host, command, mailroom):
    a, b = host("a"), host("b")
    mailing_id = mailing_for(a, 20, batch_size=10)
    submit(a, mailing_id)
    look_for_restore(b.engine, b.terms.mark)
    go_back(a.engine, 0)
    assert look_for_restore(a.engine, a.terms.mark)
    assert command("a", "resume", "--after-restore").code == 0
    submit(b, mailing_id)
    assert fenced(b.engine), "host b was not told yet"
    assert len(messages(mailroom)) == 20


def test_one_word_is_enough_where_hosts_share_their_state(host, command, mailroom):
    a = host("shared")
    mailing_id = mailing_for(a, 20, batch_size=10)
    submit(a, mailing_id)
    go_back(a.engine, 0)
    other = host("shared")
    submit(other, mailing_id)
    assert fenced(other.engine)
    assert command("shared", "reconcile", str(mailing_id), "--all", "--as", "submitted", "--yes").code == 0
    assert command("shared", "resume", "--after-restore").code == 0
    submit(host("shared"), mailing_id)
    assert not fenced(other.engine)
    assert times_reached(mailroom) == {1}


def test_what_went_out_is_decided_while_the_fence_stands_and_the_rest_goes_after_it(host, command, mailroom):
    a = host("a")
    mailing_id = mailing_for(a, 30, batch_size=10)
    submit(a, mailing_id)
    gone = {one["to"] for one in messages(mailroom)}
    go_back(a.engine, 1)
    submit(a, mailing_id)
    seen = command("a", "reconcile", str(mailing_id))
    assert (seen.code, "forgotten: 10 readers" in seen.out, "restored from a backup" in seen.out) == (1, True, True)
    decided = command("a", "reconcile", str(mailing_id), "--batch", "2", "--batch", "3", "--as", "submitted", "--yes")
    assert decided.code == 0
    assert command("a", "resume", "--after-restore").code == 0
    submit(host("a"), mailing_id)
    assert {one["to"] for one in messages(mailroom)} == gone
    assert times_reached(mailroom) == {1}
    assert command("a", "status", str(mailing_id), "--json").json["submitted"] == 30


def test_batches_of_which_forgotten_mail_was_reported_do_not_go_when_the_fence_is_lifted(host, command, mailroom):
    a = host("a")
    mailing_id = mailing_for(a, 20, batch_size=10)
    submit(a, mailing_id)
    go_back(a.engine, 0)
    first = messages(mailroom)[0]
    custom, now = first["custom_args"], datetime.now(UTC)
    came = Event(
        type=EventType.DELIVERED,
        at=now,
        address=first["to"],
        dedupe_key="d:1",
        sg_event_id="e",
        delivery_id=int(custom["bs_delivery"]),
        submission_key=custom["bs_submission"],
    )
    record_events(a.engine, [came], now)
    submit(a, mailing_id)
    lifted = command("a", "resume", "--after-restore")
    assert "1 batches went out in part at least and are set aside" in lifted.err
    submit(host("a"), mailing_id)
    reached = Counter(one["to"] for one in messages(mailroom))
    assert Counter(reached.values()) == {1: 10, 2: 10}, "the other batch, of which nothing was known, went again"
    assert reached[first["to"]] == 1
    shown = command("a", "reconcile", str(mailing_id))
    assert "1 of them have mail from a submission that this database does not know" in shown.out
