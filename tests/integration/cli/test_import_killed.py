"""A real import, killed or interrupted in its midst, and run again: everybody once, and nobody lost."""

import signal

import pytest
from sqlalchemy import func, select

from tests.support.processes import Process
from tests.support.waiting import until
from worker.store.engine import reading
from worker.store.tables import subscribers

ROWS = 60_000  # seconds of work, so that the import is not over before it can be stopped


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "long.csv"
    with path.open("w", encoding="utf-8") as out:
        out.write("email,name,status\n")
        out.writelines(
            f"r{number}@example.com,R,{'unsubscribed' if number % 9 == 0 else 'subscribed'}\n" for number in range(ROWS)
        )
        out.write("nonsense,Nobody,\n")
    return path


def counted(context):
    with reading(context.engine) as connection:
        return dict(connection.execute(select(subscribers.c.status, func.count()).group_by(subscribers.c.status)).all())


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_an_import_that_was_stopped_is_run_again_and_ends_the_same(project, context, on, tmp_path, file, how):
    process = Process(tmp_path / "import", "subscribers", "import", file, "--project", project)
    try:
        until(lambda: sum(counted(context).values()), what="the first rows")
        process.send(how)
        code = process.wait()
    finally:
        process.close()
    assert 0 < sum(counted(context).values()) < ROWS, f"it was over before, with {code}"
    if how is signal.SIGINT:
        assert (code, "run it again to go on" in process.err, "Traceback" in process.err) == (130, True, False)
        assert list(tmp_path.glob("*refused*")) == []
    said = on("subscribers", "import", file, "--json").json
    assert (said["rows"], said["counts"]["refused"], said["counts"]["kept_back"]) == (ROWS + 1, 1, 0)
    assert counted(context) == {"confirmed": ROWS - len(range(0, ROWS, 9)), "unsubscribed": len(range(0, ROWS, 9))}
