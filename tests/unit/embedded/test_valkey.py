"""The embedded Valkey: one per folder, keeps what it was given, leaves nothing behind."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import redis

from tests.support.waiting import is_gone, until
from worker.embedded.supervisor import Supervisor
from worker.embedded.valkey import NAME, running_url, socket_path, start_valkey
from worker.errors import ServerError

RUN_ALONE = """
import sys
from pathlib import Path
from worker.embedded.supervisor import Supervisor
from worker.embedded.valkey import NAME, start_valkey
folder = Path(sys.argv[1])
with Supervisor(logs=folder / "logs") as s:
    start_valkey(s, folder)
    print(s.pid(NAME), flush=True)
    s.wait()
"""


def answers(url):
    with redis.Redis.from_url(url) as client:
        return client.ping()


@pytest.mark.parametrize("name", ["plain", "with a blank", "ümlaut", "x" * 110])
def test_it_starts_in_a_folder_of_any_name(tmp_path, name):
    folder = tmp_path / name
    with Supervisor(logs=tmp_path / "logs") as supervisor:
        assert answers(start_valkey(supervisor, folder))
        assert len(os.fsencode(socket_path(folder))) <= 103
    socket_path(folder).unlink(missing_ok=True)
    if socket_path(folder).parent != folder:
        socket_path(folder).parent.rmdir()


def test_a_second_one_in_the_same_folder_is_told_that_one_runs(tmp_path, short_folder):
    folder = short_folder / "twice"
    with Supervisor(logs=tmp_path / "a") as first, Supervisor(logs=tmp_path / "b") as second:
        url = start_valkey(first, folder)
        with pytest.raises(ServerError, match="already runs"):
            start_valkey(second, folder)
        assert running_url(folder) == url
        assert answers(url)
    assert running_url(folder) is None


def test_what_it_was_given_survives_a_clean_stop_and_a_kill(tmp_path, short_folder):
    folder = short_folder / "kept"
    with Supervisor(logs=tmp_path) as supervisor:
        with redis.Redis.from_url(start_valkey(supervisor, folder)) as client:
            client.set("before", "stop")
        supervisor.end(NAME)
        with redis.Redis.from_url(start_valkey(supervisor, folder)) as client:
            assert client.get("before") == b"stop"
            client.set("before", "kill")
        supervisor.kill(NAME)
        with redis.Redis.from_url(start_valkey(supervisor, folder)) as client:
            assert client.get("before") == b"kill"


def test_it_never_evicts_and_listens_on_no_port(valkey_url):
    with redis.Redis.from_url(valkey_url) as client:
        assert client.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"
        assert client.config_get("port")["port"] == "0"


def test_one_that_cannot_start_says_why(tmp_path, short_folder):
    folder = short_folder / "broken"
    (folder / "appendonlydir").mkdir(parents=True)
    (folder / "appendonlydir" / "appendonly.aof.manifest").write_text("this is no manifest\n")
    with Supervisor(logs=tmp_path) as supervisor, pytest.raises(ServerError, match="did not start"):
        start_valkey(supervisor, folder)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGKILL])
def test_it_ends_with_its_supervisor_and_can_be_started_again(tmp_path, short_folder, signum):
    folder = short_folder / f"orphan-{signum}"
    argv = [sys.executable, "-c", RUN_ALONE, str(folder)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as supervisor:
        server = int(supervisor.stdout.readline())
        assert not is_gone(server)
        supervisor.send_signal(signum)
        supervisor.wait(20)
    until(lambda: is_gone(server), what="the end of Valkey")
    with Supervisor(logs=tmp_path) as again:
        assert answers(start_valkey(again, folder))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_one_that_is_still_ending_is_waited_for(tmp_path, short_folder):
    folder = short_folder / "ending"
    argv = [sys.executable, "-c", RUN_ALONE, str(folder)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as supervisor:
        server = int(supervisor.stdout.readline())
        os.kill(server, signal.SIGSTOP)  # it hears of its supervisor's end only once it goes on
        supervisor.kill()
        supervisor.wait(20)

    def let_it_end():
        until(lambda: is_open(folder / "valkey.lock"), what="the second one's look at the lock")
        os.kill(server, signal.SIGCONT)

    ending = threading.Thread(target=let_it_end)
    ending.start()
    try:
        with Supervisor(logs=tmp_path) as again:
            assert answers(start_valkey(again, folder))
            assert again.pid(NAME) != server
    finally:
        ending.join()
        with contextlib.suppress(ProcessLookupError):
            os.kill(server, signal.SIGCONT)


def is_open(path):
    """Whether this process has the file open."""
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            if entry.readlink() == path.resolve():
                return True
    return False


def test_a_stale_socket_does_not_stop_it(tmp_path, short_folder):
    folder = short_folder / "stale"
    folder.mkdir()
    Path(socket_path(folder)).touch()
    with Supervisor(logs=tmp_path) as supervisor:
        assert answers(start_valkey(supervisor, folder))
