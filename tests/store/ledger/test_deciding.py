"""An operator's word: it moves a batch once, is written down, and whatever contradicts it later is told with the facts."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from tests.support.ledger import check_invariants, claim, claim_and_start, counts, planned_mailing, start, statuses
from tests.support.makers import NOW, make_subscribers
from worker.domain.delivery import DeliveryState
from worker.domain.mailing import MailingStatus
from worker.domain.verdict import VERDICTS, Doubt, Verdict
from worker.store.engine import reading, writing
from worker.store.ledger import settle
from worker.store.ledger.cut import cut_claim
from worker.store.ledger.decide import NOT_SENT_AGAIN, decide_batch
from worker.store.ledger.evidence import accept_on_evidence
from worker.store.ledger.mailings import cancel_mailing, get_mailing
from worker.store.ledger.set_aside import put_aside
from worker.store.ledger.split import split_batch
from worker.store.ledger.start import read_owed
from worker.store.ledger.sweep import sweep
from worker.store.tables import batches, mailings, submissions


@pytest.fixture
def four(engine):
    """A mailing of one batch for four readers."""
    with writing(engine) as connection:
        make_subscribers(connection, 4)
    return planned_mailing(engine)


def uncertain(engine, mailing_id):
    """A batch whose call was not answered, as its worker knows it."""
    started = claim_and_start(engine, mailing_id)
    with writing(engine) as connection:
        settle.settle_uncertain(connection, started, NOW, problem="time-out", status_code=None)
    return started


def decide(engine, batch_id, verdict, doubt=Doubt.UNCERTAIN, at=NOW):
    with writing(engine) as connection:
        return decide_batch(connection, batch_id, doubt, verdict, at)


def prove(engine, *started):
    with writing(engine) as connection:
        return accept_on_evidence(connection, [one.submission_key for one in started])


def refuse_whole(engine, started):
    """SendGrid would not take it and named no row: it is split."""
    with writing(engine) as connection:
        return split_batch(connection, started, NOW, problem="bad request", status_code=400)


def attention(engine, mailing_id):
    with reading(engine) as connection:
        return get_mailing(connection, mailing_id).needs_attention


def submission(engine, started):
    with reading(engine) as connection:
        return connection.execute(select(submissions).where(submissions.c.id == started.submission_id)).one()


@pytest.mark.parametrize(
    ("verdict", "status"),
    [(Verdict.SUBMITTED, "submitted"), (Verdict.AGAIN, "pending"), (Verdict.REFUSED, "refused")],
)
def test_a_verdict_moves_the_batch_once_and_is_written_beside_the_answer(engine, four, verdict, status):
    started = uncertain(engine, four)
    assert decide(engine, started.batch.id, verdict) is True
    assert decide(engine, started.batch.id, verdict) is False
    assert statuses(engine, four) == [status]
    seen = submission(engine, started)
    assert (seen.decision, seen.decided_at) == (verdict, NOW)
    assert (seen.answer, seen.detail) == ("unknown", "time-out")
    assert counts(engine, four).conserved
    check_invariants(engine)


def test_only_what_is_in_that_doubt_is_decided(engine, four):
    for doubt, verdicts in VERDICTS.items():
        if doubt in (Doubt.UNCERTAIN, Doubt.SET_ASIDE, Doubt.CONTRADICTED):
            assert decide(engine, 1, verdicts[0], doubt) is False
    assert statuses(engine, four) == ["pending"]
    with pytest.raises(ValueError, match="cannot be decided"):
        decide(engine, 1, Verdict.SUBMITTED, Doubt.SET_ASIDE)


def test_a_mailing_whose_doubt_is_settled_finishes(engine, four):
    decide(engine, uncertain(engine, four).batch.id, Verdict.SUBMITTED)
    with writing(engine) as connection:
        sweep(connection, NOW)
        assert get_mailing(connection, four).status is MailingStatus.FINISHED


def test_what_is_sent_again_is_claimed_again_and_accepted_once(engine, four):
    first = uncertain(engine, four)
    decide(engine, first.batch.id, Verdict.AGAIN)
    second = claim_and_start(engine, four)
    assert second.batch.id == first.batch.id
    assert len(second.recipients) == 4
    with writing(engine) as connection:
        settle.settle_accepted(connection, second, NOW, message_id="m")
    assert statuses(engine, four) == ["submitted"]
    assert attention(engine, four) is None


def test_refused_readers_are_told_why(engine, four):
    decide(engine, uncertain(engine, four).batch.id, Verdict.REFUSED)
    with reading(engine) as connection:
        assert connection.execute(select(batches.c.problem)).scalar_one() == NOT_SENT_AGAIN
    assert counts(engine, four).by_state[DeliveryState.REFUSED] == 4


def test_nothing_of_a_cancelled_mailing_is_sent_again(engine, four):
    started = uncertain(engine, four)
    with writing(engine) as connection:
        cancel_mailing(connection, four, NOW)
    assert decide(engine, started.batch.id, Verdict.AGAIN) is False
    assert decide(engine, started.batch.id, Verdict.REFUSED) is True


def test_nothing_is_decided_while_a_mailing_is_recalled(engine, four):
    started = uncertain(engine, four)
    with writing(engine) as connection:
        connection.execute(update(mailings).values(status=MailingStatus.RECALLING))
    assert not any(decide(engine, started.batch.id, verdict) for verdict in Verdict)
    assert statuses(engine, four) == ["uncertain"]


def test_a_batch_set_aside_is_released_with_a_clean_count_and_nobody_is_asked_any_more(engine, four):
    with writing(engine) as connection:
        connection.execute(update(batches).values(swept=5))
        put_aside(connection, 1, "it kept failing")
    assert "it kept failing" in attention(engine, four)
    assert decide(engine, 1, Verdict.AGAIN, Doubt.SET_ASIDE)
    assert attention(engine, four) is None
    assert claim(engine, four).id == 1
    with reading(engine) as connection:
        assert connection.execute(select(batches.c.swept)).scalar_one() == 0


def test_a_batch_set_aside_may_be_refused(engine, four):
    with writing(engine) as connection:
        put_aside(connection, 1, "it kept failing")
    assert decide(engine, 1, Verdict.REFUSED, Doubt.SET_ASIDE)
    assert counts(engine, four).by_state[DeliveryState.REFUSED] == 4


def test_while_another_batch_is_set_aside_the_mailing_says_so(engine):
    with writing(engine) as connection:
        make_subscribers(connection, 4)
    mailing_id = planned_mailing(engine, batch_size=2)
    with writing(engine) as connection:
        put_aside(connection, 1, "first")
        put_aside(connection, 2, "second")
    decide(engine, 2, Verdict.AGAIN, Doubt.SET_ASIDE)
    assert "batch 1 (2 readers): first" in attention(engine, mailing_id)


# --- what contradicts an operator later


def test_mail_that_is_proven_after_it_was_to_be_sent_again_is_not_sent_again(engine, four):
    first = uncertain(engine, four)
    decide(engine, first.batch.id, Verdict.AGAIN)
    assert prove(engine, first) == [first.batch.id]
    assert claim(engine, four) is None
    assert "is not sent again" in attention(engine, four)
    assert submission(engine, first).contradicted_at is not None


def test_mail_that_is_proven_after_it_was_sent_again_is_told_with_batch_readers_and_submissions(engine, four):
    first = uncertain(engine, four)
    decide(engine, first.batch.id, Verdict.AGAIN)
    second = claim_and_start(engine, four)
    with writing(engine) as connection:
        settle.settle_accepted(connection, second, NOW, message_id="m")
    assert prove(engine, first) == []
    said = attention(engine, four)
    assert f"batch {first.batch.id} (4 readers, submission {first.submission_id})" in said
    assert f"sent again since (submission {second.submission_id}): its readers have it twice" in said


def test_a_contradiction_is_told_once(engine, four):
    first = uncertain(engine, four)
    decide(engine, first.batch.id, Verdict.AGAIN)
    prove(engine, first)
    with writing(engine) as connection:
        connection.execute(update(mailings).values(needs_attention=None))
    prove(engine, first)
    assert attention(engine, four) is None


def test_an_event_that_agrees_with_the_operator_says_nothing(engine, four):
    started = uncertain(engine, four)
    decide(engine, started.batch.id, Verdict.SUBMITTED)
    prove(engine, started)
    assert (attention(engine, four), statuses(engine, four)) == (None, ["submitted"])


def test_readers_of_a_refused_batch_who_have_the_mail_count_as_submitted(engine, four):
    started = uncertain(engine, four)
    decide(engine, started.batch.id, Verdict.REFUSED)
    assert prove(engine, started) == [started.batch.id]
    assert counts(engine, four).by_state[DeliveryState.SUBMITTED] == 4
    assert "counts as submitted now" in attention(engine, four)


def test_mail_proven_while_the_second_call_is_on_its_way_is_not_called_for_a_third_time(engine, four):
    first = uncertain(engine, four)
    decide(engine, first.batch.id, Verdict.AGAIN)
    second = claim_and_start(engine, four)
    assert prove(engine, first) == []
    with writing(engine) as connection:
        settle.settle_pending(
            connection, second, "rate_limited", NOW, not_before=None, problem="rate limited", status_code=429
        )
    assert statuses(engine, four) == ["submitted"]
    assert claim(engine, four) is None


def test_a_late_answer_that_nothing_was_taken_contradicts_who_said_it_went_out(engine, four):
    started = uncertain(engine, four)
    decide(engine, started.batch.id, Verdict.SUBMITTED)
    with writing(engine) as connection:
        sweep(connection, NOW)
        moved = settle.settle_pending(connection, started, "unavailable", NOW, not_before=None, problem="broke off")
    assert (moved, statuses(engine, four)) == (False, ["submitted"])
    said = attention(engine, four)
    assert "batch 1 (4 readers) did not go out" in said
    assert "unavailable, broke off" in said
    assert decide(engine, 1, Verdict.AGAIN, Doubt.CONTRADICTED)
    with reading(engine) as connection:
        assert get_mailing(connection, four).status is MailingStatus.SENDING
    assert claim(engine, four).id == 1


def test_a_late_refusal_of_the_whole_contradicts_who_said_it_went_out(engine, four):
    started = uncertain(engine, four)
    decide(engine, started.batch.id, Verdict.SUBMITTED)
    assert refuse_whole(engine, started) is False
    assert "did not go out" in attention(engine, four)
    assert statuses(engine, four) == ["submitted"]


def test_a_late_202_agrees_with_who_said_it_went_out(engine, four):
    started = uncertain(engine, four)
    decide(engine, started.batch.id, Verdict.SUBMITTED)
    with writing(engine) as connection:
        settle.settle_accepted(connection, started, NOW, message_id="late")
    assert attention(engine, four) is None
    assert (submission(engine, started).answer, submission(engine, started).message_id) == ("accepted", "late")


def test_what_needed_attention_before_is_kept(engine, four):
    first = uncertain(engine, four)
    with writing(engine) as connection:
        connection.execute(update(mailings).values(needs_attention="the quota"))
    decide(engine, first.batch.id, Verdict.AGAIN)
    prove(engine, first)
    assert attention(engine, four).endswith("Before that: the quota")


# --- batches that were cancelled or split meanwhile


def test_readers_of_a_cancelled_batch_who_have_the_mail_count_as_submitted(engine, four):
    started = uncertain(engine, four)
    decide(engine, started.batch.id, Verdict.AGAIN)
    with writing(engine) as connection:
        cancel_mailing(connection, four, NOW)
    assert statuses(engine, four) == ["cancelled"]
    assert prove(engine, started) == [started.batch.id]
    assert counts(engine, four).by_state[DeliveryState.SUBMITTED] == 4
    check_invariants(engine)


def test_mail_that_waited_at_sendgrid_and_was_taken_back_stays_cancelled(engine, four):
    started = uncertain(engine, four)
    decide(engine, started.batch.id, Verdict.AGAIN)
    with writing(engine) as connection:
        connection.execute(update(submissions).values(sendgrid_batch_id="an-id"))
        cancel_mailing(connection, four, NOW)
    assert prove(engine, started) == []
    assert statuses(engine, four) == ["cancelled"]


def test_children_of_a_batch_that_was_proven_do_not_send_again(engine, four):
    first = uncertain(engine, four)
    decide(engine, first.batch.id, Verdict.AGAIN)
    refuse_whole(engine, claim_and_start(engine, four))
    assert statuses(engine, four) == ["split", "pending", "pending"]
    assert sorted(prove(engine, first)) == [2, 3]
    assert claim(engine, four) is None
    assert counts(engine, four).by_state[DeliveryState.SUBMITTED] == 4
    check_invariants(engine)


def test_grandchildren_do_not_send_again_and_what_went_out_meanwhile_is_told(engine, four):
    first = uncertain(engine, four)
    decide(engine, first.batch.id, Verdict.AGAIN)
    refuse_whole(engine, claim_and_start(engine, four))
    refuse_whole(engine, claim_and_start(engine, four))
    third = claim_and_start(engine, four)
    with writing(engine) as connection:
        settle.settle_accepted(connection, third, NOW, message_id="m")
    assert statuses(engine, four) == ["split", "split", "submitted", "pending", "pending"]
    assert sorted(prove(engine, first)) == [4, 5]
    assert f"sent again since (submission {third.submission_id})" in attention(engine, four)
    assert claim(engine, four) is None
    check_invariants(engine)


def test_proof_that_came_before_the_split_counts_for_the_children(engine, four):
    first = uncertain(engine, four)
    decide(engine, first.batch.id, Verdict.AGAIN)
    second = claim_and_start(engine, four)
    assert prove(engine, first) == []
    assert refuse_whole(engine, second)
    assert statuses(engine, four) == ["split", "submitted", "submitted"]
    assert claim(engine, four) is None


def test_the_rest_that_was_cut_off_before_a_call_is_not_proven_by_it(engine, four):
    batch = claim(engine, four)
    with writing(engine) as connection:
        owed = read_owed(connection, batch, get_mailing(connection, four))
        assert cut_claim(connection, batch, owed[0].delivery_id)
    first = start(engine, batch)
    with writing(engine) as connection:
        settle.settle_uncertain(connection, first, NOW, problem="time-out", status_code=None)
    assert prove(engine, first) == [batch.id]
    assert statuses(engine, four) == ["submitted", "pending"]
    assert len(claim_and_start(engine, four).recipients) == 3


def test_the_rest_that_was_cut_off_after_a_call_is_proven_by_it(engine, four):
    first = uncertain(engine, four)
    decide(engine, first.batch.id, Verdict.AGAIN)
    batch = claim(engine, four)
    with writing(engine) as connection:
        owed = read_owed(connection, batch, get_mailing(connection, four))
        assert cut_claim(connection, batch, owed[0].delivery_id)
    assert sorted(prove(engine, first)) == [1, 2]
    assert statuses(engine, four) == ["submitted", "submitted"]


def test_a_forgotten_call_is_remembered_with_its_decision(engine, four):
    at = datetime(2026, 11, 17, tzinfo=UTC) + timedelta(hours=1)
    assert decide(engine, 1, Verdict.SUBMITTED, Doubt.FORGOTTEN, at)
    with reading(engine) as connection:
        row = connection.execute(select(submissions)).one()
    assert (row.batch_id, row.size, row.answer, row.decision, row.decided_at) == (1, 4, "unknown", "submitted", at)
    assert statuses(engine, four) == ["submitted"]
    check_invariants(engine)
