"""The mail that `make test-mail` judges: the sample issue, every step, a notice, and a letter with every block's sample.

Each is judged as the mailroom stores it: rendered, put into a request, and expanded with one reader's values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import orjson

from tests.support.rendering import EVERY_BLOCK, NOW, PROJECT, make_issue, templates
from worker import sources
from worker.domain.delivery import Recipient
from worker.domain.edition import Edition
from worker.domain.issue import Issue
from worker.domain.subscriber import Plan
from worker.mailroom.message import expand
from worker.mailroom.mime import as_mail
from worker.providers.base import Addressee, Mailbox, Submission
from worker.providers.sendgrid_payload import build_payload
from worker.render.edition import Facts, Scene, mjml_of, parse, render_edition
from worker.render.links import Signer
from worker.render.merge import MergeWriter
from worker.render.mjml.guard import guard
from worker.render.specimen import FACTS

READER = Recipient(7, 4711, "noor@example.com", "Noor van der Berg", "k7wq2m", referral_count=2, milestones="guide")
BASE_URL = "https://letters.example.com"
SIGNER = Signer("a secret of at least thirty-two letters")

NOTICE = """\
**What happened:** three answers in a row were uncertain.

**Which mailing:** The quiet weeks count (number 12, `broadcast:20261123-quiet-weeks`). It is paused.

**How far it has come**, of 5,000 readers:

- submitted: 4,000
- uncertain: 1,000

**What you can do:**

- `broadsheet status 12` shows how it stands now.
- When what is described above is mended: `broadsheet resume 12`.
"""


@dataclass(frozen=True)
class Letter:
    """One mail as a reader gets it. `mjml` is what MRML was given, after the guard; `message` what the mailroom keeps."""

    name: str
    mjml: str
    edition: Edition
    message: Mapping[str, Any]

    @property
    def html(self) -> str:
        return str(self.message["html"])

    @property
    def text(self) -> str:
        return str(self.message["text"])

    @property
    def subject(self) -> str:
        return str(self.message["subject"])

    def as_mail(self, html: str = "") -> bytes:
        """The multipart message as it would travel, or with another HTML part."""
        return as_mail({**self.message, "html": html or self.html})


@cache
def letters() -> tuple[Letter, ...]:
    """Every one, made once."""
    return tuple(_all())


def letter_of(name: str, text: Issue, plan: Plan, message: str = "issue") -> Letter:
    """One text as one plan's readers get it."""
    publication = sources.read_publication(PROJECT)
    scene = Scene(text, publication, _facts(), plan)
    tree = parse(text)
    edition = render_edition(tree, scene, templates(), message)
    mjml = guard(mjml_of(tree, scene, templates(), message), text.file).source
    return Letter(name, mjml, edition, stored(edition))


def stored(edition: Edition, reader: Recipient = READER) -> dict[str, Any]:
    """What the mailroom keeps of an edition for one reader."""
    publication = sources.read_publication(PROJECT)
    launch = "producer-groups" if any(tag.name in ("apply_link", "mute_link") for tag in edition.merge_tags) else None
    ahead = publication.referral.milestones
    values, leave = MergeWriter(edition.merge_tags, BASE_URL, SIGNER, 3, launch, ahead).write(reader)
    submission = Submission(
        key="1",
        sender=Mailbox(publication.sender, publication.author),
        reply_to=publication.reply_to,
        subject=edition.subject,
        html=edition.html,
        text=edition.text,
        list_id=publication.list_id,
        addressees=[Addressee(reader.delivery_id, reader.address, values, leave)],
    )
    (message,) = expand(orjson.loads(build_payload(submission)), "m", NOW.timestamp())
    return message


def _all() -> Iterator[Letter]:
    for issue in sources.list_issues(PROJECT):
        for plan in Plan:
            yield letter_of(f"{issue.slug}-{plan}", issue, plan)
    for folder in sorted((PROJECT / "content" / "sequences").glob("*/")):
        for step in sources.read_steps(PROJECT, folder.name):
            yield letter_of(f"step-{folder.name}-{step.id}".replace("/", "-"), step.text, Plan.FREE, "step")
    for name in sources.list_notices(PROJECT):
        for plan in Plan:
            yield letter_of(f"{name}-{plan}", sources.read_notice(PROJECT, name), plan, name)
    for plan in Plan:
        yield letter_of(f"every-block-{plan}", make_issue(EVERY_BLOCK), plan)
    notice = make_issue(
        NOTICE,
        title="The quiet weeks count needs your attention",
        subject=dict.fromkeys(Plan, "Needs attention: The quiet weeks count"),
        preview=dict.fromkeys(Plan, "three answers in a row were uncertain"),
        published_on=None,
        audio=None,
    )
    yield letter_of("notice", replace(notice, file="the alert"), Plan.FREE, "notice")


def _facts() -> Facts:
    launches = {**FACTS.launches, **sources.read_launches(PROJECT)}  # the samples have one of their own
    return Facts(4213, NOW, BASE_URL, launches)
