"""The fence: a database that is an old copy of itself sends nothing."""

from tests.support.ledger import claim_and_start, planned_mailing
from tests.support.makers import make_subscribers
from worker.store.engine import open_engine, reading, writing
from worker.store.installation import Mark, fence, fenced_reason, identity, lift_fence
from worker.store.schema import migrate


def test_a_database_that_knows_every_submission_is_trusted(engine, tmp_path):
    mark = Mark(tmp_path)
    with writing(engine) as connection:
        make_subscribers(connection, 1)
    started = claim_and_start(engine, planned_mailing(engine))
    with reading(engine) as connection:
        mark.note(identity(connection), started.submission_id)
        assert not mark.is_ahead_of(connection)


def test_a_database_behind_the_mark_was_restored(engine, tmp_path):
    mark = Mark(tmp_path)
    with reading(engine) as connection:
        mark.note(identity(connection), 7)
        assert mark.is_ahead_of(connection)
        mark.forget(connection)
        assert not mark.is_ahead_of(connection)


def test_the_mark_never_falls(engine, tmp_path):
    mark = Mark(tmp_path)
    with reading(engine) as connection:
        name = identity(connection)
        mark.note(name, 9)
        mark.note(name, 3)
        assert (tmp_path / f"mark-{name}").read_text().strip() == f"{9:020d}"


def test_another_database_is_not_measured_by_this_ones_mark(engine, tmp_path):
    mark = Mark(tmp_path)
    with reading(engine) as connection:
        mark.note(identity(connection), 7)
    other = open_engine(f"sqlite:///{tmp_path / 'new.db'}")
    migrate(other)
    with reading(other) as connection:
        assert not mark.is_ahead_of(connection)
    other.dispose()


def test_the_first_reason_of_a_fence_stays_until_it_is_lifted(engine):
    with writing(engine) as connection:
        fence(connection, "first")
        fence(connection, "second")
        assert fenced_reason(connection) == "first"
        lift_fence(connection)
        assert fenced_reason(connection) is None
