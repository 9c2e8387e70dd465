"""Keeping messages in a file and finding them again."""

import resource
import signal

import pytest

from tests.support.mail_requests import NOW, request
from worker.mailroom.inbox import Inbox
from worker.mailroom.message import expand


@pytest.fixture
def open_inbox(tmp_path):
    opened = []

    def open_one():
        opened.append(Inbox(tmp_path / "mail"))
        return opened[-1]

    yield open_one
    for inbox in opened:
        inbox.close()


def keep(inbox, rows):
    inbox.keep(expand(request(rows=rows), "id1", NOW))


def test_messages_come_back_as_they_were_kept(open_inbox):
    inbox = open_inbox()
    keep(inbox, 3)
    assert list(inbox.messages()) == list(expand(request(rows=3), "id1", NOW))
    assert inbox.message(2)["to"] == "reader1@example.com"
    assert inbox.message(0) is None
    assert inbox.message(4) is None


def test_pages_run_from_the_newest_and_cover_everything_once(open_inbox):
    inbox = open_inbox()
    keep(inbox, 7)
    pages = [inbox.page(start, 3) for start in (0, 3, 6, 9)]
    assert [[entry.number for entry in entries] for entries, _ in pages] == [[7, 6, 5], [4, 3, 2], [1], []]
    assert {total for _, total in pages} == {7}


def test_an_address_is_searched_by_any_part_whatever_its_case(open_inbox):
    inbox = open_inbox()
    keep(inbox, 12)
    entries, total = inbox.page(0, 10, address=" Reader1")
    assert [entry.to for entry in entries] == ["reader11@example.com", "reader10@example.com", "reader1@example.com"]
    assert total == 3


def test_an_inbox_opened_again_goes_on_where_it_ended(open_inbox):
    first = open_inbox()
    keep(first, 2)
    first.close()
    again = open_inbox()
    keep(again, 1)
    assert [entry.number for entry in again.page(0, 9)[0]] == [3, 2, 1]
    assert again.message(3)["to"] == "reader0@example.com"


def test_half_a_last_line_is_cut_off(open_inbox):
    first = open_inbox()
    keep(first, 2)
    first.close()
    first.path.write_bytes(first.path.read_bytes() + b'{"to": "half')
    again = open_inbox()
    assert len(again) == 2
    keep(again, 1)
    assert len(list(again.messages())) == 3


def test_a_full_disk_keeps_nothing_and_spoils_nothing(open_inbox):
    inbox = open_inbox()
    keep(inbox, 2)
    size = inbox.path.stat().st_size
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, before[1]))  # the third message fits in part
    try:
        with pytest.raises(OSError, match="File too large"):
            keep(inbox, 3)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert inbox.path.stat().st_size == size
    assert len(inbox) == 2
    keep(inbox, 1)
    assert [one["to"] for one in inbox.messages()] == [f"reader{number}@example.com" for number in (0, 1, 0)]
