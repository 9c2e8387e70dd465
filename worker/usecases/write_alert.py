"""The text of an alert: what happened, to which mailing, how far it had come, and which commands help. Markdown, as an
author would write it, so that HTML and plain text are made of it like of any other mail (emails/messages/notice.mjml.j2).
"""

from __future__ import annotations

import re
from pathlib import Path

from worker import sources
from worker.domain.delivery import DeliveryState
from worker.domain.issue import Issue
from worker.domain.mailing import Mailing, MailingStatus
from worker.domain.run import Run
from worker.domain.subscriber import Plan
from worker.errors import BroadsheetError
from worker.store.engine import Engine, reading
from worker.store.followups.runs import runs_by_id
from worker.store.ledger.attention import attention_of
from worker.usecases.overview import Overview, overview

_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
_SUBJECT_CHARS = 60
_PREVIEW_CHARS = 140


def write_alert(engine: Engine, project: Path, source: str) -> Issue:
    """The alert an alert mailing's source asks for. Raises UsageError where its mailing is gone."""
    attention = attention_of(source)
    line = " ".join(attention.reason.split())
    if attention.number is None:
        return _alert("file", "A launch", line, _about_file(line))
    if attention.is_run:
        with reading(engine) as connection:
            run = runs_by_id(connection, [attention.number])[attention.number]
        return _alert(f"run-{run.id}", f"The sequence {run.sequence}", line, _about_run(run, line))
    seen = overview(engine, attention.number)
    name = _name(project, seen.mailing)
    return _alert(str(attention.number), name, line, _body(seen, name, line))


def _alert(number: str, name: str, line: str, body: str) -> Issue:
    return Issue(
        id=f"alert-{number}",
        slug=f"alert-{number}",
        file="the alert",
        title=f"{_plain(name)} needs your attention",
        subject=dict.fromkeys(Plan, f"Needs attention: {_plain(_short(name, _SUBJECT_CHARS))}"),
        preview=dict.fromkeys(Plan, _plain(_short(line, _PREVIEW_CHARS))),
        audience="everyone",
        body=_no_lookalike(body),
        body_line=1,
    )


def _about_run(run: Run, reason: str) -> str:
    advice = [
        f"`broadsheet sequences show {run.sequence}` shows how it stands.",
        f"`broadsheet sequences apply {run.sequence}` shows what an edit changes for whom, and asks.",
    ]
    parts = [
        f"**What happened:** {_literal(reason)}",
        f"**Which run:** `{run.key}`, begun on {run.started_at:%d %B %Y}. What it names waits; everything else goes on.",
        "**What you can do:**\n\n" + "\n".join(f"- {one}" for one in advice),
    ]
    return "\n\n".join(parts) + "\n"


def _about_file(reason: str) -> str:
    parts = [
        f"**What happened:** a launch cannot be read: {_literal(reason)}",
        "What is due of it waits, and it does not open. Everything else goes on.",
        "**What you can do:**\n\n- `broadsheet launches list` says what to write instead.",
    ]
    return "\n\n".join(parts) + "\n"


def _body(seen: Overview, name: str, reason: str) -> str:
    mailing = seen.mailing
    parts = [
        f"**What happened:** {_literal(reason)}",
        f"**Which mailing:** {_literal(name)} (number {mailing.id}, `{mailing.key}`). {_standing(mailing)}",
    ]
    if seen.whole.audience:
        counts = [f"- {state.value}: {number:,}" for state, number in seen.whole.by_state.items() if number]
        parts.append(f"**How far it has come**, of {seen.whole.audience:,} readers:\n\n" + "\n".join(counts))
    parts.append("**What you can do:**\n\n" + "\n".join(f"- {one}" for one in _advice(seen)))
    return "\n\n".join(parts) + "\n"


def _standing(mailing: Mailing) -> str:
    if mailing.status is MailingStatus.PAUSED:
        return "It is paused: nobody else gets it until you say so."
    if mailing.status in (MailingStatus.FINISHED, MailingStatus.CANCELLED):
        return f"It is {mailing.status.value}."
    return f"It is {mailing.status.value}, and goes on by itself where it can."


def _advice(seen: Overview) -> list[str]:
    number = seen.mailing.id
    advice = [f"`broadsheet status {number}` shows how it stands now."]
    if seen.whole.by_state[DeliveryState.UNCERTAIN]:
        advice.append(
            f"`broadsheet deliveries {number} --state uncertain` lists by name those who may or may not have it. They "
            "are not mailed again by themselves."
        )
    if seen.mailing.status is MailingStatus.PAUSED:
        advice.append(f"When what is described above is mended: `broadsheet resume {number}`.")
    if seen.mailing.status not in (MailingStatus.FINISHED, MailingStatus.CANCELLED):
        advice.append(f"To give it up: `broadsheet cancel {number}`. What was handed over stays.")
    return advice


def _name(project: Path, mailing: Mailing) -> str:
    """The issue's title where there is one to read, else the mailing's key."""
    kind, _, name = mailing.source.partition(":")
    if kind == "issue":
        try:
            return sources.read_issue(project, name).title
        except BroadsheetError:  # it may be the very reason of the alert
            pass
    return mailing.key


def _literal(text: str) -> str:
    """Text that Markdown leaves as it is, merge tags among it."""
    return _PUNCTUATION.sub(r"\\\1", text)


def _plain(text: str) -> str:
    """The same for a line that is no Markdown, where only braces mean something."""
    return _no_lookalike(text).replace("{", "\\{")


def _no_lookalike(text: str) -> str:
    """Nothing in an alert may be taken for a placeholder of a merge tag, and stop it."""
    return re.sub(r"bs(?=\d\d[htu])", "bs ", text)


def _short(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
