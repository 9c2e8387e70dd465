"""One bad row, or many, never costs the others; whatever SendGrid names, the number of calls is bounded."""

import collections

from sqlalchemy import select, update

from tests.support.ledger import check_invariants, counts, statuses
from tests.support.mailroom import messages
from tests.support.sending import answers, batch_rows, mailing_for, mailing_row, refused, submit
from worker.mailroom import faults
from worker.store.engine import reading, writing
from worker.store.ledger.mailings import resume_mailing
from worker.store.tables import batches, deliveries


def by_state(engine, mailing_id):
    return {state.value: number for state, number in counts(engine, mailing_id).by_state.items() if number}


def reached(mailroom):
    return collections.Counter(one["to"] for one in messages(mailroom))


def test_many_bad_rows_of_which_each_answer_names_some_cost_a_call_for_each_answer(context, mailroom):
    mailing_id = mailing_for(context, 100, batch_size=100)
    mailroom.script_faults(*[faults.rows_refused(range(10))] * 5)
    submit(context, mailing_id)
    assert by_state(context.engine, mailing_id) == {"submitted": 50, "refused": 50}
    assert answers(context.engine, mailing_id) == ["refused"] * 5 + ["accepted"]
    assert set(reached(mailroom).values()) == {1}
    check_invariants(context.engine)


def test_a_400_that_names_everybody_for_one_reason_is_about_the_message_and_refuses_nobody(context, mailroom):
    mailing_id = mailing_for(context, 40, batch_size=20)
    mailroom.script_faults(faults.rows_refused(range(20), message="The substitution value is not allowed."))
    submit(context, mailing_id)
    seen = mailing_row(context.engine, mailing_id)
    assert seen.status == "paused"
    assert "all 20 addressees" in seen.needs_attention
    assert "The substitution value is not allowed." in seen.needs_attention
    assert by_state(context.engine, mailing_id) == {"pending": 40}
    assert refused(context.engine, mailing_id) == {}
    with writing(context.engine) as connection:
        resume_mailing(connection, mailing_id)
    submit(context, mailing_id)
    assert by_state(context.engine, mailing_id) == {"submitted": 40}


def test_a_few_rows_that_are_all_of_a_small_batch_are_refused_as_rows(context, mailroom):
    mailing_id = mailing_for(context, 3)
    mailroom.script_faults(faults.rows_refused(range(3)))
    submit(context, mailing_id)
    assert by_state(context.engine, mailing_id) == {"refused": 3}
    assert mailing_row(context.engine, mailing_id).status == "sending"


def test_a_server_that_names_another_row_each_time_ends_after_twenty_calls_for_a_batch(context, mailroom):
    mailing_id = mailing_for(context, 90, batch_size=60)
    # Batches take turns, for one is made ready while the other is called for: 30 is accepted at its first call.
    mailroom.script_faults(faults.rows_refused([0]), *[faults.rows_refused([0]).on(2 + n) for n in range(1, 20)])
    submit(context, mailing_id)
    assert sorted(answers(context.engine, mailing_id)) == ["accepted"] + ["refused"] * 20
    assert by_state(context.engine, mailing_id) == {"submitted": 30, "refused": 20, "pending": 40}
    aside = [row.set_aside for row in batch_rows(context.engine, mailing_id) if row.set_aside]
    assert len(aside) == 1
    assert "20 times" in aside[0]
    seen = mailing_row(context.engine, mailing_id)
    assert "set aside" in seen.needs_attention
    submit(context, mailing_id)
    assert mailroom.tally.counts()["requests"] == 21, "nobody calls again for it by themselves"
    with writing(context.engine) as connection:
        connection.execute(update(batches).values(set_aside=None))
    submit(context, mailing_id)
    assert by_state(context.engine, mailing_id) == {"submitted": 70, "refused": 20}
    assert set(reached(mailroom).values()) == {1}
    check_invariants(context.engine)


def test_a_413_for_every_batch_of_more_than_one_ends_with_batches_of_one(context, mailroom):
    mailing_id = mailing_for(context, 8)
    # 8, 4 4, 2 2 2 2: seven batches are too large, and the eight of one row each go.
    mailroom.script_faults(faults.too_large().times(7))
    submit(context, mailing_id)
    assert by_state(context.engine, mailing_id) == {"submitted": 8}
    assert collections.Counter(statuses(context.engine, mailing_id)) == {"split": 7, "submitted": 8}
    assert mailroom.tally.counts()["requests"] == 15


def test_a_server_that_finds_everything_too_large_refuses_each_row_by_name_and_ends(context, mailroom):
    mailing_id = mailing_for(context, 8)
    mailroom.script_faults(faults.too_large().times(100))
    submit(context, mailing_id)
    assert by_state(context.engine, mailing_id) == {"refused": 8}
    assert mailroom.tally.counts()["requests"] == 15
    with reading(context.engine) as connection:
        reasons = connection.execute(select(deliveries.c.refused_reason).distinct()).scalars().all()
    assert len(reasons) == 1
