"""A forked job opens its own connections and leaves its parent's alone."""

import subprocess
import sys

CODE = """
import os, sys
from worker.jobs import _context, preload
from worker.store.clock_lease import hold_clock
from worker.store.schema import migrate

preload()
parents = _context()
migrate(parents.engine)
with parents.engine.connect() as open_before:
    open_before.exec_driver_sql("SELECT 1")
    child = os.fork()
    if child == 0:
        own = _context()
        print("its own", own is not parents and own.engine is not parents.engine, flush=True)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    print("child ended with", status, flush=True)
    print("parent still reads", open_before.exec_driver_sql("SELECT 7").scalar(), flush=True)
child = os.fork()
if child == 0:
    print("child writes", hold_clock(_context().engine, "child", 60), flush=True)
    os._exit(0)
os.waitpid(child, 0)
print("parent sees it", not hold_clock(parents.engine, "parent", 60), flush=True)
"""


def test_a_forked_job_opens_its_own_database_and_its_parent_keeps_its(tmp_path):
    ended = subprocess.run(
        [sys.executable, "-c", CODE],
        env={"PATH": "/usr/bin:/bin", "BROADSHEET_PROJECT": str(tmp_path), "REDIS_URL": "redis://127.0.0.1:1/0"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.stderr == ""
    assert ended.stdout.splitlines() == [
        "its own True",
        "child ended with 0",
        "parent still reads 7",
        "child writes True",
        "parent sees it True",
    ]
    assert (tmp_path / "var" / "broadsheet.db").exists()
