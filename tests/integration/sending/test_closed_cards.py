"""A launch's card goes to nobody once the launch has closed: not from a letter that waits for its hour, and not from one that
was planned before and goes later."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.commands import copy_project
from tests.support.ledger import check_invariants, claim, counts, start
from tests.support.mailroom import messages
from tests.support.makers import make_subscriber, make_subscribers
from tests.support.sending import SAMPLE, broadcast_sample, mailing_row, submit
from worker import sources
from worker.domain.calendar import wall_time
from worker.domain.delivery import DeliveryState
from worker.domain.pace import UNLIMITED
from worker.domain.subscriber import Plan
from worker.store.engine import reading, writing
from worker.store.ledger.claim import has_claimable
from worker.store.ledger.correct import correct_pending, newest_editions
from worker.store.ledger.mailings import get_mailing, pause_mailing, resume_mailing
from worker.store.ledger.refresh import due_for_refresh
from worker.store.segments import audience_rule
from worker.usecases.correct_mailing import difference, source_changed
from worker.usecases.find_problems import find_problems
from worker.usecases.note_launches import note_launches
from worker.usecases.plan_mailing import plan_mailing
from worker.usecases.prepare_mailing import gather_facts
from worker.usecases.refresh_mailing import refresh_mailing
from worker.usecases.schedule_broadcast import Hour, schedule_broadcast
from worker.usecases.stage_mailing import stage_mailing
from worker.usecases.tick import tick

CARD = "Two small groups for producers"  # the launch's name, which stands nowhere else in the letter
ZONE = "America/Denver"


@pytest.fixture
def context(make_context, mailroom, tmp_path):
    """Six readers, two of them paying, and a launch that closes in three hours."""
    folder = tmp_path / "project"
    folder.mkdir()
    one = make_context(mailroom.url, project=copy_project(folder))
    with writing(one.engine) as connection:
        make_subscribers(connection, 4)
        make_subscribers(connection, 2, plan="paid")
    close(one, timedelta(hours=3))
    return one


def close(context, after):
    """Let the launch close so long after now (negative: before), and the clock look at it."""
    path = context.settings.project / "content" / "launches" / "producer-groups.toml"
    text = path.read_text(encoding="utf-8")
    for key, at in (("opens", timedelta(days=-9)), ("closes", after)):
        wall = wall_time(datetime.now(UTC) + at, ZONE).replace(tzinfo=None).isoformat(timespec="seconds")
        text = re.sub(rf"^{key} = .*$", f"{key} = {wall}", text, flags=re.MULTILINE)
    path.write_text(text, encoding="utf-8")
    note_launches(context.engine, sources.read_launches(context.settings.project).values())


def mailing(context, mailing_id):
    with reading(context.engine) as connection:
        return get_mailing(connection, mailing_id)


def issue(context):
    return sources.read_issue(context.settings.project, SAMPLE)


def schedule(context, after, **more):
    now = datetime.now(UTC)
    at = now + after
    hour = Hour(wall_time(at, ZONE).replace(tzinfo=None), ZONE, at)
    return schedule_broadcast(
        context.engine,
        issue(context),
        context.publication,
        segment="everyone",
        hour=hour,
        batch_size=2,
        now=now,
        **more,
    )


def shown(editions):
    return {CARD in one.html or CARD in one.text for one in editions.values()}


@pytest.mark.parametrize(("hours", "shows"), [(2, True), (4, False)])
def test_a_letter_that_waits_at_sendgrid_is_rendered_for_its_hour(context, hours, shows):
    mailing_id = schedule(context, timedelta(hours=hours), staging=UNLIMITED)
    assert mailing(context, mailing_id).stage_at is not None
    editions, _ = context.prepare(mailing(context, mailing_id))
    assert shown(editions) == {shows}
    assert all(bool(one.cards) == shows for one in editions.values())


def test_at_local_hours_it_is_rendered_for_the_last_reader(context):
    with writing(context.engine) as connection:
        make_subscriber(connection, zone="Pacific/Honolulu")  # three hours and more behind Denver
    first = schedule(context, timedelta(hours=1), local_hour=True)
    assert shown(context.prepare(mailing(context, first))[0]) == {False}


def test_the_preflight_of_a_scheduled_letter_says_that_its_card_will_be_left_out(context):
    schedule(context, timedelta(hours=4))
    facts = gather_facts(
        context.engine,
        context.settings.project,
        issue(context),
        context.templates,
        base_url="https://x.example",
        now=datetime.now(UTC),
    )
    found = find_problems(context.engine, issue(context), context.publication, context.templates, facts)
    assert any(one.rule == "launch-closed" and "before this goes" in one.problem for one in found)


def test_what_was_planned_before_the_close_and_goes_after_it_goes_without_the_card(context, mailroom):
    mailing_id = broadcast_sample(context, batch_size=2)
    first = claim(context.engine, mailing_id)  # a worker has it in hand
    close(context, -timedelta(minutes=1))
    assert start(context.engine, first) is None
    assert claim(context.engine, mailing_id) is None
    submit(context, mailing_id)
    assert messages(mailroom) == []
    with writing(context.engine) as connection:
        assert pause_mailing(connection, mailing_id)
        assert resume_mailing(connection, mailing_id)
    tick(context.engine, context.content, batch_size=2, lanes=1)  # what the worker held is still its own
    assert not source_changed(context.engine, context.settings.project, mailing(context, mailing_id))
    assert refresh_mailing(context.engine, mailing_id, context.prepare)
    submit(context, mailing_id)
    came = messages(mailroom)
    assert len(came) == 4  # two wait in the hand of that worker
    assert not any(CARD in one["html"] + one["text"] for one in came)
    check_invariants(context.engine)


def test_what_is_to_wait_at_sendgrid_is_held_where_the_launch_closes_before_its_hour(context):
    mailing_id = schedule(context, timedelta(hours=2), staging=UNLIMITED)
    plan_mailing(context.engine, mailing_id, context.prepare, datetime.now(UTC))
    assert stage_mailing(context.engine, context.scheduler, mailing_id)
    with reading(context.engine) as connection:
        assert has_claimable(connection, mailing_id)
    close(context, timedelta(hours=1))
    assert claim(context.engine, mailing_id) is None
    with reading(context.engine) as connection:
        assert due_for_refresh(connection) == [mailing_id]
        assert not has_claimable(connection, mailing_id)
    assert refresh_mailing(context.engine, mailing_id, context.prepare)
    with reading(context.engine) as connection:
        assert shown(newest_editions(connection, mailing_id)) == {False}
    assert start(context.engine, claim(context.engine, mailing_id)).sendgrid_batch_id


def test_the_clock_asks_for_it_and_for_nothing_else_of_that_mailing(context):
    mailing_id = broadcast_sample(context)

    def jobs():
        due = tick(context.engine, context.content, batch_size=9, lanes=1)
        return {one.job for one in due if one.mailing_id == mailing_id}

    assert jobs() == {"submit_batches"}
    close(context, -timedelta(minutes=1))
    assert jobs() == {"refresh_mailing"}
    refresh_mailing(context.engine, mailing_id, context.prepare)
    assert jobs() == {"submit_batches"}


def test_what_has_gone_keeps_its_text_and_nobody_gets_a_second_mail(context, mailroom):
    mailing_id = broadcast_sample(context, batch_size=2)
    started = start(context.engine, claim(context.engine, mailing_id))
    assert started.recipients
    close(context, -timedelta(minutes=1))
    refresh_mailing(context.engine, mailing_id, context.prepare)
    submit(context, mailing_id)
    found = counts(context.engine, mailing_id).by_state
    assert (found[DeliveryState.SUBMITTING], found[DeliveryState.SUBMITTED]) == (2, 4)
    with reading(context.engine) as connection:
        newest = newest_editions(connection, mailing_id)
    assert {one.revision for one in newest.values()} == {2}
    assert not difference(context.engine, mailing(context, mailing_id), context.prepare).changed


def test_two_hosts_and_a_second_time_make_one_revision(context):
    mailing_id = broadcast_sample(context)
    close(context, -timedelta(minutes=1))
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: refresh_mailing(context.engine, mailing_id, context.prepare), range(3)))
    assert refresh_mailing(context.engine, mailing_id, context.prepare) == []
    with reading(context.engine) as connection:
        assert {one.revision for one in newest_editions(connection, mailing_id).values()} == {2}
        assert due_for_refresh(connection) == []


def test_an_open_launch_is_left_alone_and_a_later_close_is_said_anew(context):
    mailing_id = broadcast_sample(context)
    assert refresh_mailing(context.engine, mailing_id, context.prepare) == []
    close(context, timedelta(days=3))
    assert refresh_mailing(context.engine, mailing_id, context.prepare) == []


def test_a_text_that_was_edited_meanwhile_does_not_slip_in(context, mailroom):
    mailing_id = broadcast_sample(context)
    path = next((context.settings.project / "content" / "issues").glob(f"*{SAMPLE}.md"))
    path.write_text(
        path.read_text(encoding="utf-8").replace("The quiet weeks count", "Half a thought"), encoding="utf-8"
    )
    close(context, -timedelta(minutes=1))
    assert refresh_mailing(context.engine, mailing_id, context.prepare) == []
    row = mailing_row(context.engine, mailing_id)
    assert row.status == "paused"
    assert f"broadsheet correct {mailing_id}" in row.needs_attention
    editions, _ = context.prepare(mailing(context, mailing_id))  # what `correct` does
    with writing(context.engine) as connection:
        assert correct_pending(connection, mailing_id, editions) == 6
        assert resume_mailing(connection, mailing_id)
    submit(context, mailing_id)
    assert {one["subject"] for one in messages(mailroom)} >= {"Half a thought"}
    assert not any(CARD in one["html"] for one in messages(mailroom))


def test_a_text_that_cannot_be_rendered_any_more_pauses_with_the_reason(context):
    mailing_id = broadcast_sample(context)
    close(context, -timedelta(minutes=1))
    next((context.settings.project / "content" / "issues").glob(f"*{SAMPLE}.md")).unlink()
    with pytest.raises(Exception, match="no issue"):
        refresh_mailing(context.engine, mailing_id, context.prepare)
    row = mailing_row(context.engine, mailing_id)
    assert (row.status, "could not be rendered anew" in row.needs_attention) == ("paused", True)


def test_every_plan_has_the_cards_of_its_own_part(context):
    publication = context.publication
    assert audience_rule("everyone", publication) is not None
    path = next((context.settings.project / "content" / "issues").glob(f"*{SAMPLE}.md"))
    text = path.read_text(encoding="utf-8")
    card = text[text.index("::: launch") : text.index("::: coaching")]
    path.write_text(text.replace(card, "") + "\n::: launch producer-groups\nFor you.\n:::\n", encoding="utf-8")
    mailing_id = broadcast_sample(context)
    with reading(context.engine) as connection:
        editions = newest_editions(connection, mailing_id)
    assert CARD in editions[Plan.PAID].html
    assert CARD not in editions[Plan.FREE].html
    close(context, -timedelta(minutes=1))
    refresh_mailing(context.engine, mailing_id, context.prepare)
    with reading(context.engine) as connection:
        revisions = {plan: one.revision for plan, one in newest_editions(connection, mailing_id).items()}
    assert revisions == {Plan.PAID: 2, Plan.FREE: 1}
