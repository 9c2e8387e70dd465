"""What the doctor says of a database, on both."""

from datetime import UTC, datetime, timedelta

from worker.domain.diagnosis import Health
from worker.store.clock_lease import note_tick
from worker.store.engine import open_engine, writing
from worker.store.installation import Mark, fence, identity
from worker.usecases.doctor_machine import examine_database


def said(engine, folder, now=None):
    found = examine_database(engine, Mark(folder), now or datetime.now(UTC))
    return {one.check: (one.health, one.what) for one in found}


def test_a_database_in_order_is_well(engine, tmp_path):
    note_tick(engine)
    found = said(engine, tmp_path)
    assert {health for health, _ in found.values()} == {Health.WELL}
    assert {"migrations", "clock process"} <= set(found)


def test_a_clock_that_never_ticked_is_a_warning(engine, tmp_path):
    assert said(engine, tmp_path)["clock process"] == (Health.WARNING, "no clock has ever ticked")


def test_a_fence_is_a_problem_with_its_reason(engine, tmp_path):
    with writing(engine) as connection:
        fence(connection, "an old copy, says host a")
    assert said(engine, tmp_path)["fence"] == (Health.PROBLEM, "an old copy, says host a")


def test_a_database_that_knows_less_than_this_host_is_a_problem_before_anybody_fenced_it(engine, tmp_path):
    with writing(engine) as connection:
        Mark(tmp_path).note(identity(connection), 7)
    assert said(engine, tmp_path)["fence"][0] is Health.PROBLEM


def test_a_server_whose_clock_is_far_away_is_a_problem(engine, tmp_path):
    found = said(engine, tmp_path, datetime.now(UTC) + timedelta(minutes=10))
    if engine.dialect.name == "sqlite":  # its clock is this machine's
        assert "clock" not in found
    else:
        assert found["clock"][0] is Health.PROBLEM


def test_a_database_without_a_schema_names_the_command(tmp_path):
    bare = open_engine(f"sqlite:///{tmp_path / 'bare.db'}")
    [one] = examine_database(bare, Mark(tmp_path), datetime.now(UTC))
    bare.dispose()
    assert (one.health, one.fix) == (Health.PROBLEM, "run `broadsheet migrate`")


def test_a_server_that_does_not_answer_is_a_problem_without_its_address(tmp_path):
    away = open_engine("postgresql://reader:a-password@127.0.0.1:1/nowhere")
    [one] = examine_database(away, Mark(tmp_path), datetime.now(UTC))
    away.dispose()
    assert (one.check, one.health) == ("database", Health.PROBLEM)
    assert "a-password" not in one.what + one.fix
