"""Scheduled mail under any order of calls and hours: nothing lost, nothing twice, nothing early, and held when it must be."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.mail_requests import request
from worker.mailroom.scheduled import ID_SECONDS, PAUSED_SECONDS, TOO_LATE_SECONDS, Refusal, ScheduledMail

START = 1_000_000.0
IDS = (0, 1)
STEP = st.one_of(
    st.tuples(st.just("send"), st.sampled_from((None, *IDS, *IDS)), st.sampled_from((-10, 0, 600, 601, 1_201, 5_000))),
    st.tuples(st.just("hold"), st.sampled_from(IDS), st.sampled_from(("pause", "cancel"))),
    st.tuples(st.just("change"), st.sampled_from(IDS), st.sampled_from(("pause", "cancel"))),
    st.tuples(st.just("lift"), st.sampled_from(IDS), st.none()),
    st.tuples(st.just("wait"), st.sampled_from((1, 600, 601, 5_000, 260_000)), st.none()),
)


class Oracle:
    """The rules once more, second by second of what was asked, without a heap: every mail is looked at every time."""

    def __init__(self, late_mail, late_cancel):
        self.late_mail, self.late_cancel = late_mail, late_cancel
        self.now = START
        self.holds = {}
        self.mails = []

    def send(self, batch, due):
        hold = self.holds.get(batch)
        after = bool(hold) and hold["status"] == "cancel"
        self.mails.append({"batch": batch, "due": max(due, self.now), "fate": "waits", "after_cancel": after})
        self.look()

    def look(self):
        for mail in self.mails:
            if mail["fate"] != "waits" or mail["due"] > self.now:
                continue
            hold = self.holds.get(mail["batch"])
            too_late = hold and self.late_cancel == "ignore" and mail["due"] - hold["since"] < TOO_LATE_SECONDS
            if not hold or too_late:
                mail["fate"] = "went"
            elif hold["status"] == "cancel":
                mail["fate"] = "went" if mail["after_cancel"] and self.late_mail == "deliver" else "discarded"
            elif self.now >= mail["due"] + PAUSED_SECONDS:
                mail["fate"] = "discarded"

    @property
    def ids_have_ended(self):
        return self.now - START >= ID_SECONDS

    def hold(self, batch, status):
        self.look()
        if batch not in self.holds and not self.ids_have_ended:
            self.holds[batch] = {"status": status, "since": self.now}
            self.forget_order(batch)

    def change(self, batch, status):
        self.look()
        if batch in self.holds and self.holds[batch]["status"] != status and not self.ids_have_ended:
            self.holds[batch]["status"] = status
            self.forget_order(batch)
        self.look()

    def lift(self, batch):
        self.look()
        if not self.ids_have_ended:
            self.holds.pop(batch, None)
        self.look()

    def forget_order(self, batch):
        for mail in self.mails:
            if mail["batch"] == batch:
                mail["after_cancel"] = False

    def count(self, fate):
        return sum(mail["fate"] == fate for mail in self.mails)


@pytest.mark.parametrize("late_mail", ["discard", "deliver"])
@pytest.mark.parametrize("late_cancel", ["ignore", "obey"])
@settings(max_examples=150, deadline=None)
@given(steps=st.lists(STEP, min_size=12, max_size=30))
def test_whatever_is_asked_every_mail_goes_once_or_is_thrown_away_as_the_rules_say(late_mail, late_cancel, steps):
    oracle = Oracle(late_mail, late_cancel)
    went = []
    mail = ScheduledMail(
        lambda: oracle.now,
        lambda _request, parcel, now: went.append((parcel.message_id, parcel.due, now)),
        late_mail=late_mail,
        late_cancel=late_cancel,
    )
    ids = [mail.reserve(True) for _ in IDS]
    for number, (what, subject, more) in enumerate(steps):
        match what:
            case "send" if subject is not None and oracle.ids_have_ended:
                assert not mail.known(ids[subject])  # mail send refuses it
            case "send":
                named = {} if subject is None else {"batch_id": ids[subject]}
                due = oracle.now + more
                mail.take(request(rows=1, send_at=due, **named), str(number), oracle.now)
                oracle.send(subject, due)
            case "wait":
                oracle.now += subject
                mail.turn()
                oracle.look()
            case _:
                arguments = (ids[subject],) if more is None else (ids[subject], more)
                with contextlib.suppress(Refusal):
                    getattr(mail, what)(*arguments, True)
                getattr(oracle, what)(*((subject,) if more is None else (subject, more)))
        counts = mail.counts()
        assert len(went) == oracle.count("went")
        assert (counts["waiting"], counts["discarded"]) == (oracle.count("waits"), oracle.count("discarded"))
    assert len({message_id for message_id, _, _ in went}) == len(went)
    assert all(now >= due for _, due, now in went)
