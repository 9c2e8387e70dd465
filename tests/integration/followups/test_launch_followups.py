"""A launch's steps reach its audience at their hours, once, and nobody after the close."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select, update

from tests.integration.followups.conftest import CLOSES, DUE, OPENS
from tests.support.followups import ZONE, make_launch, make_step, wall
from tests.support.makers import make_subscriber, make_subscribers
from worker.domain.mailing import MailingKind, MailingStatus
from worker.store.engine import reading, writing
from worker.store.launches import convert, mute
from worker.store.ledger.mailings import get_mailing, list_mailings
from worker.store.tables import due_steps, subscribers
from worker.usecases import enroll_audiences, plan_steps
from worker.usecases.apply_edits import apply_edits, find_changes
from worker.usecases.raise_alerts import raise_alerts

MILLISECOND = timedelta(milliseconds=1)
OPENING = make_step(step_id="opening", when="at opens")
REMINDER = make_step()


def make_readers(engine, number=3, **given):
    with writing(engine) as connection:
        return make_subscribers(connection, number, **given)


def test_a_step_becomes_a_mailing_at_its_hour_and_not_before(engine, sequences):
    readers = make_readers(engine)
    sequences.launch(REMINDER)
    assert sequences.advance(OPENS - MILLISECOND) == []
    assert sequences.runs() == []
    assert sequences.advance(OPENS) == []
    assert sequences.advance(DUE - MILLISECOND) == []
    [created] = sequences.advance(DUE)
    with reading(engine) as connection:
        mailing = get_mailing(connection, created)
    [run] = sequences.runs()
    assert (run.key, mailing.key) == ("launch:producer-groups", f"step:{run.id}:reminder:1")
    assert (mailing.kind, mailing.status) == (MailingKind.STEP, MailingStatus.SCHEDULED)
    assert (mailing.source, mailing.launch_id) == ("step:launch/reminder", "producer-groups")
    assert (mailing.send_at, mailing.wall_time, mailing.zone) == (DUE, "2026-12-15T09:00", ZONE)
    assert sequences.readers(created) == [one.id for one in readers]


def test_advancing_again_changes_nothing(engine, sequences):
    make_readers(engine)
    sequences.launch(OPENING, REMINDER)
    assert [step for _at, step, _who in sequences.advance_until(OPENS, OPENS, DUE, DUE, CLOSES)] == [
        "opening",
        "reminder",
    ]
    assert {row[:2] for row in sequences.rows()} == {("opening", "planned"), ("reminder", "planned")}
    assert {status for *_rest, status, _why in sequences.enrolled()} == {"finished"}


def test_new_names_mail_nobody_again(engine, sequences):
    make_readers(engine)
    sequences.launch(REMINDER)
    sequences.advance(OPENS)
    sequences.advance(DUE)
    sequences.launch(name="New name", slug="new-slug")
    assert sequences.advance(DUE + timedelta(days=2)) == []


def test_a_large_list_is_enrolled_part_by_part_and_mailed_as_one(engine, sequences, monkeypatch):
    monkeypatch.setattr(enroll_audiences, "CHUNK", 7)
    monkeypatch.setattr(enroll_audiences, "ROUNDS", 2)
    monkeypatch.setattr(plan_steps, "CHUNK", 11)
    readers = make_readers(engine, 60)
    sequences.launch(REMINDER)
    for _tick in range(6):
        sequences.advance(OPENS)
    assert len(sequences.enrolled()) == 60
    [created] = sequences.advance(DUE)
    assert sequences.readers(created) == [one.id for one in readers]


def test_two_clocks_at_once_enroll_and_mail_everybody_once(engine, sequences):
    readers = make_readers(engine, 50)
    sequences.launch(OPENING, make_step(step_id="twin", when="at opens"), REMINDER)
    with ThreadPoolExecutor(4) as pool:
        made = [one for ids in pool.map(lambda _: sequences.advance(OPENS), range(4)) for one in ids]
    for _tick in range(3):  # who was overtaken looks again
        made += sequences.advance(OPENS)
    mailed = {(sequences.mailing(one).step_id, reader) for one in made for reader in sequences.readers(one)}
    assert mailed == {(step, one.id) for step in ("opening", "twin") for one in readers}
    assert sum(len(sequences.readers(one)) for one in made) == 100
    with reading(engine) as connection:
        due = select(func.count()).where(due_steps.c.state == "due")
        assert connection.execute(due).scalar_one() == 50


def test_a_late_tick_still_sends_until_the_close_and_not_from_then_on(engine, sequences):
    make_readers(engine, 1)
    sequences.launch(REMINDER)
    sequences.advance(OPENS)
    assert sequences.advance(CLOSES) == []
    assert sequences.rows() == [("reminder", "skipped", "closed")]


def test_a_clock_that_was_away_for_the_whole_launch_mails_nobody(engine, sequences):
    make_readers(engine, 1)
    sequences.launch(REMINDER)
    assert sequences.advance(CLOSES + timedelta(days=1)) == []
    assert sequences.runs() == []


def test_each_launch_has_its_own_run_of_a_sequence_they_share(engine, sequences):
    make_readers(engine, 2)
    paid = make_readers(engine, 1, plan="paid")
    sequences.launch(REMINDER)
    sequences.launch(id="spring-course", audience="paid")
    sequences.advance(OPENS)
    made = sequences.advance(DUE)
    assert sorted((sequences.mailing(one).launch_id, len(sequences.readers(one))) for one in made) == [
        ("producer-groups", 3),
        ("spring-course", 1),
    ]
    assert any(sequences.readers(one) == [paid[0].id] for one in made)


def test_a_sequence_that_no_launch_names_is_left_alone(engine, sequences):
    make_readers(engine, 1)
    sequences.launch(sequence="course")
    sequences.sequence("launch", REMINDER)
    sequences.advance(OPENS)
    assert sequences.runs() == []


def test_who_confirms_while_it_is_open_gets_what_is_still_to_come(engine, sequences):
    sequences.launch(OPENING, REMINDER)
    sequences.advance(OPENS)
    later = OPENS + timedelta(days=3)
    with writing(engine) as connection:
        joined = make_subscriber(connection)
        connection.execute(update(subscribers).values(confirmed_at=later))
        make_subscriber(connection, status="pending")
    assert sequences.advance_until(later, DUE) == [(DUE, "reminder", [joined.id])]
    assert sequences.rows(joined) == [("opening", "skipped", "joined_later"), ("reminder", "planned", "")]


def test_who_may_not_be_mailed_or_has_applied_leaves_with_the_reason(engine, sequences):
    owed, applied, muted = make_readers(engine)
    with writing(engine) as connection:
        bounced = make_subscriber(connection, suppressed="bounced")
        convert(connection, "producer-groups", applied.id, "applied", OPENS)
        convert(connection, "another-launch", owed.id, "applied", OPENS)
        mute(connection, "producer-groups", muted.id, OPENS)
    sequences.launch(OPENING, REMINDER)
    assert sequences.advance_until(OPENS, DUE) == [(OPENS, "opening", [owed.id]), (DUE, "reminder", [owed.id])]
    assert [(one, why) for one, _which, status, why in sequences.enrolled() if status == "stopped"] == [
        (applied.id, "converted"),
        (muted.id, "muted"),
        (bounced.id, "bounced"),
    ]


def test_a_step_before_the_opening_goes_before_it(engine, sequences):
    readers = make_readers(engine, 1)
    sequences.launch(make_step(step_id="soon", when="2 days before opens, at 09:00"), OPENING)
    soon = OPENS - timedelta(days=2)
    assert sequences.advance_until(soon - MILLISECOND, soon, OPENS) == [
        (soon, "soon", [readers[0].id]),
        (OPENS, "opening", [readers[0].id]),
    ]


def test_their_time_is_each_readers_own_nine_o_clock(engine, sequences):
    with writing(engine) as connection:
        tokyo, denver, nowhere = (
            make_subscriber(connection, zone=zone) for zone in ("Asia/Tokyo", "America/Denver", "Mars/Olympus")
        )
    sequences.launch(make_step(when="3 days before closes, at 09:00 their time"))
    sequences.advance(OPENS)
    hours = [DUE, DUE + timedelta(hours=7), DUE + timedelta(hours=15)]  # in Tokyo it closes on the 19th
    assert sequences.advance_until(*hours) == [
        (hours[0], "reminder", [nowhere.id]),
        (hours[1], "reminder", [denver.id]),
        (hours[2], "reminder", [tokyo.id]),
    ]


def test_a_run_that_has_nothing_left_ends(engine, sequences):
    make_readers(engine, 1)
    sequences.launch(REMINDER)
    sequences.advance(OPENS)
    sequences.advance(CLOSES)
    assert len(sequences.runs()) == 1
    sequences.advance(CLOSES + timedelta(days=20))
    assert sequences.runs() == []
    assert list_of_mailings(engine) == []


def list_of_mailings(engine):
    with reading(engine) as connection:
        return list_mailings(connection)


def test_a_close_that_is_moved_nearer_ends_it_at_once(engine, sequences):
    make_readers(engine, 1)
    sequences.launch(make_step(when="1 week after opens, at 09:00"))
    sequences.advance(OPENS)
    sequences.launches["producer-groups"] = make_launch(closes=wall("2026-11-20T18:00"))
    assert sequences.advance(OPENS + timedelta(days=7)) == []
    assert sequences.rows() == [("reminder", "skipped", "closed")]


def test_a_launch_that_opens_again_after_its_run_has_ended_waits_for_agreement_and_goes_on(engine, sequences):
    make_readers(engine)
    sequences.launch(OPENING, REMINDER)
    ended = CLOSES + timedelta(days=10)
    sequences.advance_until(OPENS, OPENS, DUE, CLOSES, ended)
    assert sequences.runs() == []
    late = make_readers(engine, 1)
    sequences.launch(closes=wall("2027-02-16T18:00"))
    again = ended + timedelta(days=20)
    assert sequences.advance_until(again, again + timedelta(days=1)) == []
    [run] = sequences.runs()
    assert "`broadsheet sequences apply launch`" in run.needs_attention
    assert raise_alerts(engine, "author@example.com", again) == 1
    [change] = find_changes(engine, sequences.content, "launch", again)
    assert apply_edits(engine, change, again)
    due = datetime(2027, 2, 13, 9, tzinfo=UTC)
    assert sequences.advance_until(again, due) == [(due, "reminder", [late[0].id])]  # the others had theirs
    sequences.advance_until(due + timedelta(days=20))
    assert sequences.runs() == []


def test_a_launch_whose_audience_was_not_enrolled_by_its_close_ends_all_the_same(engine, sequences, monkeypatch):
    monkeypatch.setattr(enroll_audiences, "CHUNK", 1)
    monkeypatch.setattr(enroll_audiences, "ROUNDS", 1)
    make_readers(engine, 4)
    sequences.launch(REMINDER)
    sequences.advance(OPENS)
    sequences.advance(CLOSES)
    assert sequences.runs()[0].joined_through is None
    sequences.advance(CLOSES + timedelta(days=9))
    assert sequences.runs() == []


def test_a_launch_that_opens_while_its_sequence_cannot_be_read_is_told_and_begins_once_it_can(engine, sequences):
    readers = make_readers(engine)
    sequences.launch(OPENING, REMINDER)
    steps = sequences.steps.pop("launch")
    sequences.broken["launch"] = "content/sequences/launch/01.md:3: it is not YAML"
    sequences.advance(OPENS - MILLISECOND)
    assert raise_alerts(engine, "author@example.com", OPENS) == 0
    sequences.advance_until(OPENS, OPENS + timedelta(days=1))
    [run] = sequences.runs()
    assert "01.md:3" in run.needs_attention
    assert raise_alerts(engine, "author@example.com", OPENS) == 1
    sequences.broken.clear()
    sequences.steps["launch"] = steps
    mended = OPENS + timedelta(days=2)
    assert sequences.advance_until(*(mended + n * timedelta(minutes=1) for n in range(3)), DUE) == [
        (mended + timedelta(minutes=1), "opening", [one.id for one in readers]),
        (DUE, "reminder", [one.id for one in readers]),
    ]
    assert sequences.runs()[0].needs_attention is None
