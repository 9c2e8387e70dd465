"""The provider against the mailroom: what we send is what it takes, and its events verify and read back."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.support.sockets import DEADLINE
from tests.support.submissions import KEY, make_addressee, make_submission
from worker.mailroom import faults
from worker.mailroom.options import MailroomOptions
from worker.mailroom.server import Mailroom
from worker.providers.base import Accepted, RateLimited, RefusalKind, Refused, Unknown, Validated
from worker.providers.sendgrid import SendGrid
from worker.providers.sendgrid_signature import verify


@pytest.fixture
def room():
    with Mailroom(MailroomOptions()) as mailroom:
        yield mailroom


@pytest.fixture
def provider(room):
    return SendGrid(KEY, room.url, 5)


@pytest.mark.parametrize("count", [1, 1000])
def test_the_mailroom_takes_a_submission_of_any_size(provider, count):
    said = provider.submit(make_submission(count))
    assert isinstance(said, Accepted)
    assert said.message_id


def test_the_mailroom_validates_in_the_sandbox(provider):
    assert provider.submit(make_submission(sandbox=True)) == Validated()


def test_the_mailroom_names_the_row_with_a_bad_address(provider):
    submission = make_submission(addressees=(make_addressee(0), make_addressee(1, address="nobody"), make_addressee(2)))
    said = provider.submit(submission)
    assert isinstance(said, Refused)
    assert (said.kind, set(said.rows)) == (RefusalKind.ROWS, {1})


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (faults.rows_refused([1]), RefusalKind.ROWS),
        (faults.refused(), RefusalKind.UNNAMED),
        (faults.refused(field="from"), RefusalKind.MESSAGE),
        (faults.too_large(), RefusalKind.SIZE),
        (faults.redirect("http://127.0.0.1:9/"), RefusalKind.ACCOUNT),
        (faults.status(401), RefusalKind.ACCOUNT),
        (faults.status(403), RefusalKind.ACCOUNT),
    ],
)
def test_each_refusal_of_the_mailroom_has_its_kind(room, provider, fault, kind):
    room.script_faults(fault)
    said = provider.submit(make_submission(3))
    assert isinstance(said, Refused)
    assert said.kind is kind


@pytest.mark.parametrize(
    "fault",
    [
        faults.status(500),
        faults.status(503, accepted=True),
        faults.dropped(),
        faults.dropped("before_reading"),
        faults.garbage(),
        faults.never(),
    ],
    ids=lambda fault: fault.name,
)
def test_what_the_mailroom_leaves_open_is_unknown_and_the_next_call_works(room, fault):
    provider = SendGrid(KEY, room.url, DEADLINE)
    room.script_faults(fault)
    assert isinstance(provider.submit(make_submission()), Unknown)
    assert isinstance(provider.submit(make_submission()), Accepted)


def test_the_mailrooms_rate_limit_names_its_time(room, provider):
    room.script_faults(faults.rate_limited(7))
    said = provider.submit(make_submission())
    assert isinstance(said, RateLimited)
    assert said.retry_at is not None
    assert 4 < (said.retry_at - datetime.now(UTC)).total_seconds() <= 8


def test_the_mailrooms_signature_verifies(room):
    now = datetime(2026, 11, 16, 8, 0, tzinfo=UTC)
    headers = room.sign(b"[]\r\n", int(now.timestamp()))
    signature, timestamp = headers.values()
    assert verify(room.public_key, signature, timestamp, b"[]\r\n", now) is None
