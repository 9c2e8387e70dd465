"""`doctor --live`: tries what the real account does, with mail to one address of the operator's.

Each step says what was seen in words that can be pasted into a report. What may be refused or doubled is only asked in
sandbox mode; two mails are really posted, one of which must not arrive.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from worker.domain.diagnosis import Diagnosis, note, problem, warning, well
from worker.domain.publication import Publication
from worker.providers.account import Account, NotTold, Probed
from worker.providers.base import Addressee, Mailbox, Submission
from worker.providers.scheduled import Done, Reserved, Scheduler, Waiting
from worker.usecases.doctor_leftovers import Leftovers

#: How far ahead the mail that is taken back is scheduled. Off the hour, as SendGrid asks, and far over its ten minutes.
AHEAD = timedelta(minutes=67)
MERGE_SIZES = (10_000, 10_001, 30_000, 50_000, 50_001)  # around the two limits that SendGrid's pages name


def make_live_submission(publication: Publication, *, to: str, base_url: str) -> Submission:
    """A small mail to the operator. Its events carry a key that no ledger knows, and are ignored."""
    return Submission(
        key=f"doctor-{secrets.token_hex(8)}",
        sender=Mailbox(publication.sender, publication.name),
        reply_to=publication.reply_to,
        subject="[doctor] sent at once: this one must arrive",
        html="<p>Sent by <code>broadsheet doctor --live</code>.</p>",
        text="Sent by `broadsheet doctor --live`.\n",
        list_id=publication.list_id,
        addressees=(Addressee(0, to, "{}", f"{base_url}/u/doctor"),),
    )


def examine_live(
    account: Account, scheduler: Scheduler, submission: Submission, leftovers: Leftovers, now: datetime
) -> Iterator[Diagnosis]:
    """Every step, in order; stops where going on makes no sense."""
    sandbox = replace(submission, sandbox=True)
    first = account.probe(sandbox)
    if not isinstance(first, Probed) or first.status != 200:
        yield problem("sandbox", f"a valid request was not taken: {first.reason}", "mend this first; nothing was sent")
        return
    yield well("sandbox", "SendGrid finds a request of ours valid")
    yield from _open_questions(account, sandbox)
    sent = account.probe(submission)
    yield _sent("send", sent)
    yield _rate_headers(first, sent)
    yield from _take_back(account, scheduler, submission, leftovers, now)
    yield from _by_hand()


def _open_questions(account: Account, sandbox: Submission) -> Iterator[Diagnosis]:
    twice = account.probe(sandbox, twice=True)
    said = _taken(twice)
    more = " (whether the reader would get one mail or two is not shown by that)" if said == "taken" else ""
    yield note("same address twice", f"one address in two personalizations of a request, in sandbox mode: {said}{more}")
    sizes = "; ".join(f"{size:,} bytes: {_taken(account.probe(sandbox, merge_bytes=size))}" for size in MERGE_SIZES)
    yield note("merge values", f"substitutions of one personalization, in sandbox mode: {sizes}")


def _taken(answer: Probed | NotTold) -> str:
    return "taken" if isinstance(answer, Probed) and answer.status == 200 else f"not taken, {answer.reason}"


def _sent(check: str, answer: Probed | NotTold) -> Diagnosis:
    if isinstance(answer, Probed) and answer.status == 202:
        return well(check, "a mail was taken (202); look whether it arrives")
    if isinstance(answer, NotTold):
        return warning(check, f"nobody knows whether a mail was taken: {answer.reason}", "look whether it arrives")
    return problem(check, f"a mail was refused: {answer.reason}", "mend this before anything is sent")


def _rate_headers(*answers: Probed | NotTold) -> Diagnosis:
    seen = [
        ", ".join(f"{name}: {value}" for name, value in one.rate.items()) for one in answers if isinstance(one, Probed)
    ]
    told = "; ".join(one or "none" for one in seen)
    return note("rate limit", f"rate-limit headers of mail/send, in sandbox mode and for real: {told or 'no answer'}")


def _take_back(
    account: Account, scheduler: Scheduler, submission: Submission, leftovers: Leftovers, now: datetime
) -> Iterator[Diagnosis]:
    check = "scheduled mail"
    reserved = scheduler.reserve()
    if not isinstance(reserved, Reserved):
        yield problem(check, f"no batch id: {reserved.reason}", "broadcasts cannot be staged; see the scopes above")
        return
    yield well(check, "a batch id was reserved")
    yield _status(scheduler, reserved.batch_id, Waiting.GOES, "a fresh id has no status")
    hour = now + AHEAD
    later = replace(
        submission,
        key=f"{submission.key}-later",
        subject="[doctor] taken back: this one must NOT arrive",
        send_at=hour,
        sendgrid_batch_id=reserved.batch_id,
    )
    answer = account.probe(later)
    if isinstance(answer, Probed) and answer.status != 202:
        yield problem(check, f"scheduled mail was refused: {answer.reason}", "broadcasts cannot be staged")
        return
    if isinstance(answer, NotTold):
        yield warning(
            check, f"nobody knows whether a mail was scheduled: {answer.reason}", "it is cancelled in any case"
        )
    else:
        yield well(check, f"a mail was scheduled {AHEAD.seconds // 60} minutes ahead")
    leftovers.add(reserved.batch_id, hour)
    yield from _cancel(scheduler, reserved.batch_id)
    yield from _free(scheduler)
    yield note(
        check,
        f"if a mail with “taken back” in its subject arrives after {hour:%H:%M} UTC, cancelled mail goes: do not stage",
        "run `broadsheet doctor` two hours later: it gives the cancel slot back",
    )


def _cancel(scheduler: Scheduler, batch_id: str) -> Iterator[Diagnosis]:
    check = "scheduled mail"
    for words in ("cancelling it", "cancelling it a second time"):
        answer = scheduler.cancel(batch_id)
        if not isinstance(answer, Done):
            yield problem(
                check, f"{words}: {answer.reason}", "the mail goes at its hour; do not stage until this works"
            )
            return
    yield _status(scheduler, batch_id, Waiting.CANCELLED, "it was cancelled, twice, and reads as cancelled")


def _free(scheduler: Scheduler) -> Iterator[Diagnosis]:
    """On an id without mail, since freeing revives what waits."""
    check = "cancel slots"
    spare = scheduler.reserve()
    if not isinstance(spare, Reserved):
        yield warning(check, f"no second batch id: {spare.reason}", "run this command again")
        return
    if not isinstance(cancelled := scheduler.cancel(spare.batch_id), Done):
        yield warning(check, f"an id without mail cannot be cancelled: {cancelled.reason}", "look at the slots in use")
        return
    for words in ("freeing an id", "freeing it a second time"):
        freed = scheduler.free(spare.batch_id)
        if not isinstance(freed, Done):
            yield problem(check, f"{words}: {freed.reason}", "slots run out after ten recalls; free them by hand")
            return
    yield _status(
        scheduler, spare.batch_id, Waiting.GOES, "an id was cancelled and freed, twice, and has no status", check
    )


def _status(
    scheduler: Scheduler, batch_id: str, wanted: Waiting, words: str, check: str = "scheduled mail"
) -> Diagnosis:
    found = scheduler.read(batch_id)
    if found is wanted:
        return well(check, words)
    seen = found.value if isinstance(found, Waiting) else found.reason
    return problem(
        check, f"read back, it is not “{wanted.value}” but: {seen}", "do not stage broadcasts with this account"
    )


def _by_hand() -> Iterator[Diagnosis]:
    yield note(
        "leaving",
        "whether both headers to leave arrive as sent, and are signed, shows in the mail that arrives",
        "save it whole (“show original”, download) and run `broadsheet doctor --received RAW.eml`",
    )
    yield note(
        "events",
        "whether a repeated event call is signed anew cannot be seen from here",
        "stop the web process for ten minutes after a test, then compare the header "
        "X-Twilio-Email-Event-Webhook-Timestamp of the repeated call with the events' own timestamps",
    )
