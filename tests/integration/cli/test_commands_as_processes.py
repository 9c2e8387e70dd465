"""What only a process of its own shows: signals, pipes, terminals, and what is left behind."""

import json
import os
import pty
import subprocess
import urllib.request
from pathlib import Path

import pytest

from tests.support.commands import clean_environment
from tests.support.processes import BROADSHEET, Process
from tests.support.sending import SAMPLE
from tests.support.waiting import until
from worker.embedded.supervisor import free_port


@pytest.fixture
def start(tmp_path):
    started = []

    def one(*words, **given):
        started.append(Process(tmp_path / f"process{len(started)}", *words, **given))
        return started[-1]

    yield one
    for process in started:
        process.close()


def test_a_closed_pipe_ends_a_list_quietly_whether_it_is_long_or_short(project, readers, on, work):
    assert on("send", SAMPLE, "--yes").code == 0
    work(1)
    for how in (["--csv"], ["--json"], ["--csv", "--state", "cancelled"], []):
        read, write = os.pipe()
        os.close(read)
        try:
            words = [*BROADSHEET, "deliveries", SAMPLE, *how, "--project", str(project)]
            ended = subprocess.run(
                words, stdout=write, stderr=subprocess.PIPE, env=clean_environment(), timeout=60, check=False
            )
        finally:
            os.close(write)
        assert (ended.returncode, ended.stderr) == (0, b""), how


def test_ctrl_c_ends_the_watching_and_nothing_else(project, readers, on, start):
    on("send", SAMPLE, "--yes", "--at", "2099-07-06 07:00")
    watching = start("status", SAMPLE, "--watch", "--project", project)
    watching.await_words("goes Mon 06 Jul 2099 07:00")
    watching.interrupt()
    assert watching.wait() == 130
    assert "Traceback" not in watching.err
    assert on("status", SAMPLE, "--json").json["status"] == "scheduled"


@pytest.mark.parametrize(("answer", "code", "sent"), [(b"y\n", 0, 1), (b"\x03", 130, 0)])
def test_sending_asks_whoever_sits_at_a_terminal(project, readers, on, start, answer, code, sent):
    """The last answer is Ctrl-C."""
    ours, theirs = pty.openpty()
    try:
        sending = start("send", SAMPLE, "--project", project, stdin=theirs)
        sending.await_words("Send to 12 readers?")
        assert on("status", "--json").json == []
        if answer == b"\x03":
            sending.interrupt()
        else:
            os.write(ours, answer)
        assert sending.wait() == code
    finally:
        os.close(ours)
        os.close(theirs)
    assert "Traceback" not in sending.err
    assert ("Nothing was sent." in sending.err) == (sent == 0)
    assert len(on("status", "--json").json) == sent


def test_a_table_fits_a_narrow_terminal_and_has_no_colour_in_a_pipe(project, readers, on, work):
    on("send", SAMPLE, "--yes")
    work(1)
    ours, theirs = pty.openpty()
    words = [*BROADSHEET, "status", "--project", str(project)]
    environment = clean_environment(COLUMNS="80", TERM="xterm-256color")
    environment.pop("NO_COLOR", None)
    with subprocess.Popen(words, stdout=theirs, stderr=theirs, env=environment, start_new_session=True) as process:
        process.wait(60)
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 65536):
            shown += part
    except OSError:  # all has been read
        pass
    os.close(ours)
    assert b"\x1b[1m" in shown
    assert b"broadcast:20261123-quiet-weeks" in shown
    assert "\x1b" not in on("status").out + on("status", SAMPLE).out


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs /proc to see what is left of a session")
def test_run_starts_everything_sends_and_leaves_no_process(project, readers, on, start, tmp_path):
    port = free_port()
    settings = project / ".env"
    settings.write_text(
        settings.read_text().replace("base_url", "#") + f"WEB_PORT={port}\nTICK_SECONDS=0.5\nBULK_WORKERS=1\n"
    )
    running = start("run", "--project", project)
    running.await_words("Ctrl-C ends it")

    def healthy():
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2) as answer:
                return answer.status == 200
        except OSError:
            return False

    until(healthy, seconds=60, what="the web process")
    assert len(running.family()) >= 6
    # A command beside it finds its embedded queue by itself.
    sent = on("send", SAMPLE, "--yes")
    assert (sent.code, sent.err) == (0, "")
    until(lambda: on("status", SAMPLE, "--json").json["status"] == "finished", seconds=60, what="the broadcast")
    assert on("status", SAMPLE, "--json").json["submitted"] == 12
    second = start("run", "--project", project)
    assert second.wait() == 1
    assert "already runs" in second.err
    running.interrupt()
    assert running.wait() == 0
    assert running.family() == []
    assert "Traceback" not in running.out + running.err
    assert json.loads(on("status", "--json").out)[0]["status"] == "finished"
