"""The demo as a newcomer starts it: complete, counted by the mailroom's own record, and gone without a trace."""

import collections
import csv
import json
import re
import shutil
import tempfile
from pathlib import Path

import pytest

from tests.support.commands import ROOT
from tests.support.processes import Process
from tests.support.sending import paid_runs, runs, words, words_of_html
from worker.config import load_settings
from worker.context import Context
from worker.store.engine import reading
from worker.store.subscribers import each_subscriber

pytestmark = pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs /proc to see what is left of a session")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """One demo of sixty readers, kept in a folder with a blank in its path."""
    folder = tmp_path_factory.mktemp("demo")
    kept = folder / "a kept demo"
    process = Process(
        folder / "output", "demo", "--once", "--json", "--subscribers", "60", "--keep", kept, "--project", ROOT
    )
    try:
        code = process.wait(110)
        left = process.family()
    finally:
        process.close()
    assert code == 0, process.err
    return kept, json.loads(process.out), left, process.err


@pytest.fixture(scope="module")
def kept_messages(finished):
    with (finished[0] / "messages.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def readers(finished):
    context = Context(load_settings(finished[0], {}))
    with reading(context.engine) as connection:
        found = list(each_subscriber(connection))
    context.engine.dispose()
    return found


def is_broadcast(message):
    return "quiet-weeks" in " ".join(message["categories"])


def test_its_summary_keeps_the_contract(finished):
    summary = finished[1]
    assert set(summary) >= {
        "audience",
        "submitted",
        "skipped",
        "refused",
        "uncertain",
        "editions",
        "followups",
        "requests",
        "seconds",
        "messages",
        "duplicates",
    }
    assert summary["submitted"] == summary["audience"] - summary["skipped"] > 0
    assert (summary["refused"], summary["uncertain"], summary["duplicates"]) == (0, 0, 0)
    assert set(summary["editions"]) == {"free", "paid"}
    assert sum(one["audience"] for one in summary["editions"].values()) == summary["audience"]
    assert {one["key"].split(":")[2] for one in summary["followups"]} == {
        "first-referral",
        "it-is-yours",
        "last-call",
        "reminder",
    }


def test_it_leaves_no_process_and_prints_no_traceback(finished):
    assert finished[2] == []
    assert "Traceback" not in finished[3]
    assert "\x1b" not in finished[3]


def test_each_eligible_reader_got_each_mailing_exactly_once(finished, kept_messages):
    got = collections.Counter((one["to"], one["categories"][0]) for one in kept_messages)
    assert set(got.values()) == {1}
    assert len(kept_messages) == finished[1]["messages"]
    with (finished[0] / "subscribers.csv").open(encoding="utf-8", newline="") as file:
        listed = {row["address"].lower(): row for row in csv.DictReader(file)}
    reached = {one["to"].lower() for one in kept_messages if is_broadcast(one)}
    may = {key for key, row in listed.items() if row["status"] == "confirmed"}
    assert reached == may, "the list as it was imported says who may be mailed"
    assert len(reached) == finished[1]["audience"]
    never = set(listed) - may
    assert never
    assert not never & {one["to"].lower() for one in kept_messages}


def test_no_free_message_holds_a_paid_word_and_no_tag_is_left(kept_messages, readers):
    paying = {one.address for one in readers if one.plan == "paid"}
    canaries = paid_runs()
    free = [one for one in kept_messages if is_broadcast(one) and one["to"] not in paying]
    assert free
    for one in free:
        assert not (runs(words_of_html(one["html"])) | runs(words(one["text"]))) & canaries
        assert "WARMHOUSE" not in one["html"] + one["text"] + one["subject"]
    for one in kept_messages:
        assert not re.search(r"-bs[0-9a-f]", one["html"] + one["text"] + one["subject"] + str(one["headers"]))


def test_every_message_can_be_left_with_one_click(kept_messages):
    for one in kept_messages:
        assert re.fullmatch(r"<http://127\.0\.0\.1:\d+/u/\S+>", one["headers"]["List-Unsubscribe"])
        assert one["headers"]["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_every_command_works_on_the_folder_it_keeps(finished, broadsheet):
    kept, summary, _left, _said = finished
    listed = broadsheet("status", "--project", kept, "--json").json
    assert {one["status"] for one in listed} == {"finished"}
    assert sum(one["submitted"] for one in listed) == summary["messages"]
    for one in listed:
        rows = broadsheet("deliveries", one["id"], "--csv", "--project", kept).out.splitlines()
        assert len(rows) == 1 + one["candidates"]
    assert broadsheet("check", "--project", kept).code == 0
    again = broadsheet("send", "the-quiet-weeks-count", "--yes", "--project", kept)
    assert (again.code, "broadcast once" in again.err) == (2, True)


def test_two_demos_at_once_ended_by_ctrl_c_leave_nothing(tmp_path):
    """One is stopped in the middle of starting, the other while it sends; neither minds the other."""
    temporary = Path(tempfile.mkdtemp(prefix="bs-demo-"))  # a socket's path leaves no room for pytest's own
    both = [
        Process(tmp_path / name, "demo", "--subscribers", "300", "--project", ROOT, TMPDIR=str(temporary))
        for name in ("first", "second")
    ]
    try:
        for process, moment in zip(both, ("Starting Valkey", "Sending"), strict=True):
            process.await_words(moment)
            process.interrupt()
        for process in both:
            assert process.wait() == 130
            assert process.family() == []
            assert "Traceback" not in process.out + process.err
        assert not list(temporary.glob("broadsheet-demo-*")), "their folders go with them"
    finally:
        for process in both:
            process.close()
        shutil.rmtree(temporary)
