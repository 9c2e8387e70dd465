"""Prepare a mailing for planning: find its text in the project, render both editions, and name its segment's rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from worker import sources
from worker.domain.edition import Edition
from worker.domain.issue import Issue
from worker.domain.mailing import Mailing, MailingKind
from worker.domain.segment import Rule
from worker.domain.subscriber import Plan
from worker.errors import SourceError
from worker.render.edition import Facts
from worker.render.layout import Templates
from worker.sources.notices import FOR_A_FRIEND
from worker.store.engine import Engine, reading
from worker.store.segments import audience_rule
from worker.store.subscribers import count_confirmed
from worker.usecases.edition_cache import EditionCache
from worker.usecases.reaching_hour import reaching_hour
from worker.usecases.write_alert import write_alert

TEST_PREFIX = "[TEST] "


def prepare_mailing(
    engine: Engine,
    project: Path,
    mailing: Mailing,
    *,
    base_url: str,
    now: datetime,
    cache: EditionCache | None = None,
) -> tuple[Mapping[Plan, Edition], Rule]:
    """Both editions and the rule. Raises SourceError or RenderError with file, line and fix."""
    publication = sources.read_publication(project)
    rule = audience_rule(mailing.segment, publication)
    if mailing.kind is MailingKind.ALERT:
        text, message = write_alert(engine, project, mailing.source), "notice"
    else:
        text, message = find_text(project, mailing.source)
    templates = Templates(sources.read_templates(project), sources.read_theme(project))
    moment = reaching_hour(engine, mailing, rule, now)
    facts = gather_facts(engine, project, text, templates, base_url=base_url, now=moment)
    editions = (cache or EditionCache()).render(text, publication, templates, facts, message)
    if mailing.kind is MailingKind.TEST:
        editions = {plan: replace(one, subject=TEST_PREFIX + one.subject) for plan, one in editions.items()}
    return editions, rule


def gather_facts(
    engine: Engine, project: Path, text: Issue, templates: Templates, *, base_url: str, now: datetime
) -> Facts:
    """What rendering this text needs to know that no author wrote: its subscribers are counted only where it may say how many.

    A launch that cannot be read stops the texts that show it alone.
    """
    subscribers = 0
    if templates.shows_count(text):
        with reading(engine) as connection:
            subscribers = count_confirmed(connection)
    launches, _broken = sources.read_readable_launches(project)
    return Facts(subscribers, now, base_url, launches, sources.read_picture_sizes(project))


def find_text(project: Path, source: str) -> tuple[Issue, str]:
    """The text a mailing's `source` names, and which message layout it takes.

    `issue:<id>` is an issue, `step:<sequence>/<step id>` a step of a sequence, `notice:<name>` a notice.
    """
    kind, _, name = source.partition(":")
    if kind == "issue":
        return sources.read_issue(project, name), "issue"
    if kind == "notice":
        return sources.read_notice(project, name), name.removesuffix(FOR_A_FRIEND)
    sequence, _, step_id = name.partition("/")
    for step in sources.read_steps(project, sequence):
        if step.id == step_id:
            return step.text, "step"
    raise SourceError(
        f"no step has the id {step_id!r}",
        file=f"content/sequences/{sequence}",
        fix="bring the step back, or cancel its mailing",
    )
