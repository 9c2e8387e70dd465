"""The supervisor, with real processes: order, restarts, signals, and nothing left behind."""

import os
import signal
import subprocess
import sys

import pytest

from tests.support.waiting import is_gone, until
from worker.embedded.supervisor import Supervisor, free_port
from worker.errors import ServerError

# A child that says it is up, and writes its name when SIGTERM ends it.
POLITE = """
import signal, sys
name, journal = sys.argv[1:]
def end(*_):
    with open(journal, "a") as file: file.write(name + "\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("up", flush=True)
while True: signal.pause()
"""
STUBBORN = (
    "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True)\nwhile True: signal.pause()"
)


def python(code, *arguments):
    return [sys.executable, "-c", code, *map(str, arguments)]


def start_up(supervisor, name, argv, **more):
    """Start it and wait until it says that it is up."""
    supervisor.start(name, argv, **more)
    until(lambda: "up" in supervisor.tail(name), what=f"{name} being up")


def test_children_end_in_order_workers_first_and_valkey_last(tmp_path):
    journal = tmp_path / "journal"
    names = ["valkey", "mailroom", "web", "bulk.1", "clock", "prompt.1"]
    with Supervisor(logs=tmp_path / "logs") as supervisor:
        for name in names:
            start_up(supervisor, name, python(POLITE, name, journal))
    ended = journal.read_text().split()
    assert set(ended[:2]) == {"bulk.1", "prompt.1"}
    assert set(ended[2:4]) == {"clock", "web"}
    assert ended[4:] == ["mailroom", "valkey"]


def test_a_child_that_ignores_the_request_is_killed_after_the_grace(tmp_path):
    with Supervisor(logs=tmp_path, grace_seconds=0.2) as supervisor:
        start_up(supervisor, "web", python(STUBBORN))
        pid = supervisor.pid("web")
    assert supervisor.exit_code("web") == -signal.SIGKILL
    assert is_gone(pid)


def test_a_crashed_child_is_started_again_where_that_was_asked(tmp_path):
    with Supervisor(logs=tmp_path) as supervisor:
        start_up(supervisor, "clock", python(POLITE, "clock", tmp_path / "journal"), restart=True)
        first = supervisor.pid("clock")
        supervisor.kill("clock")
        until(lambda: supervisor.pid("clock") != first and supervisor.alive("clock"), what="a new clock")
    assert is_gone(first)
    assert is_gone(supervisor.pid("clock"))


def test_a_crashed_child_is_reported_where_no_restart_was_asked(tmp_path):
    with Supervisor(logs=tmp_path) as supervisor:
        start_up(supervisor, "web", python(POLITE, "web", tmp_path / "journal"))
        supervisor.start("clock", python("import sys; print('no port'); sys.exit(3)"))
        assert supervisor.wait(20) == "clock"
        assert supervisor.exit_code("clock") == 3
        assert supervisor.tail("clock") == "no port"


def test_waiting_ends_when_its_time_is_over(tmp_path):
    with Supervisor(logs=tmp_path) as supervisor:
        start_up(supervisor, "web", python(POLITE, "web", tmp_path / "journal"))
        assert supervisor.wait(0.05) is None
        assert supervisor.alive("web")


def test_settings_reach_the_child_and_its_output_is_printed_after_its_name(capfd):
    with Supervisor() as supervisor:
        supervisor.start("bulk.1", python("import os; print(os.environ['GREETING'])"), {"GREETING": "good morning"})
        assert supervisor.wait(20) == "bulk.1"
    assert "bulk.1    | good morning\n" in capfd.readouterr().out


def test_two_children_of_one_name_are_refused(tmp_path):
    with Supervisor(logs=tmp_path) as supervisor:
        start_up(supervisor, "web", python(POLITE, "web", tmp_path / "journal"))
        with pytest.raises(ServerError, match="web already runs"):
            supervisor.start("web", python(POLITE, "web", tmp_path / "journal"))


def test_a_missing_program_is_named(tmp_path):
    with Supervisor(logs=tmp_path) as supervisor, pytest.raises(ServerError, match="no-such-program is not installed"):
        supervisor.start("web", ["no-such-program"])


RUN = f"""
import sys
from pathlib import Path
from worker.embedded.supervisor import Supervisor
folder = Path(sys.argv[1])
with Supervisor(logs=folder) as s:
    for name in ("bulk.1", "valkey"):
        s.start(name, [sys.executable, "-c", {POLITE!r}, name, str(folder / "journal")])
    s.start("mailroom", [sys.executable, "-c", sys.argv[2], "mailroom", str(folder / "journal")])
    while not all("up" in s.tail(n) for n in ("bulk.1", "valkey", "mailroom")): s.wait(0.05)
    # From here on signals are expected; one that comes before wait() has begun raises KeyboardInterrupt.
    try:
        print(*(s.pid(n) for n in ("bulk.1", "valkey", "mailroom")), flush=True)
        s.wait()
    except KeyboardInterrupt:
        pass
print("left in order", flush=True)
"""


@pytest.fixture
def run(tmp_path):
    """Starts a supervisor in its own process; gives it and its children's ids."""
    started = []

    def start(mailroom=POLITE):
        argv = python(RUN, tmp_path, mailroom)
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, start_new_session=True)
        started.append(process)
        return process, [int(pid) for pid in process.stdout.readline().split()]

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_the_supervisor_ends_everything_in_order(run, tmp_path, signum):
    supervisor, children = run()
    os.killpg(supervisor.pid, signum)  # the whole group, as a terminal does
    assert supervisor.communicate(timeout=20)[0] == "left in order\n"
    assert (tmp_path / "journal").read_text().split() == ["bulk.1", "mailroom", "valkey"]
    assert all(is_gone(pid) for pid in children)


def test_a_second_signal_kills_who_does_not_listen(run, tmp_path):
    supervisor, children = run(mailroom=STUBBORN)
    supervisor.send_signal(signal.SIGINT)
    until(lambda: is_gone(children[0]), what="the worker's end")  # now it waits for the stubborn one
    supervisor.send_signal(signal.SIGINT)
    assert supervisor.communicate(timeout=20)[0] == "left in order\n"
    assert all(is_gone(pid) for pid in children)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_nothing_is_left_when_the_supervisor_itself_is_killed(run):
    supervisor, children = run()
    supervisor.kill()
    until(lambda: all(is_gone(pid) for pid in children), what="the end of all children")


def test_free_ports_differ_and_can_be_bound():
    assert free_port() != 0
    assert len({free_port() for _ in range(5)}) > 1
