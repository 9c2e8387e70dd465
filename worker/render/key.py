"""The key of a text's editions: a hash of everything they are made of. Same key, same mail.

What changes by itself is settled first: of the clock only the day and which launches are open are shown, so the moment
becomes the last one at which any of that changed. Editions are then made of exactly what the key was made of; a
template that printed the time of day would print a settled one, and never one from another key.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time

from worker.domain.calendar import instant, wall_time
from worker.domain.issue import Issue
from worker.domain.publication import Publication
from worker.render.digest import digest_of
from worker.render.layout import Templates
from worker.render.scene import Facts


def settled(facts: Facts, publication: Publication) -> Facts:
    """The facts with the moment at which they began to look as they do now."""
    zone = publication.slot.zone
    today = wall_time(facts.now, zone).date()
    began = [instant(datetime.combine(today, time()), zone)]
    for launch in facts.launches.values():
        began += [instant(launch.opens, launch.zone), instant(launch.closes, launch.zone)]
    moment = max((at for at in began if at <= facts.now), default=facts.now).astimezone(UTC)
    if wall_time(moment, zone).date() != today:  # a zone that skipped this midnight
        moment = facts.now
    return replace(facts, now=moment)


def editions_key(
    text: Issue, publication: Publication, templates: Templates, facts: Facts, message: str, renderer: str
) -> str:
    """64 hex digits. `facts` are settled; `renderer` tells one state of our code and its libraries from another.

    Raises TypeError for a value whose parts it does not know: better no key than one that leaves something out.
    """
    moments = [
        (instant(launch.opens, launch.zone) <= facts.now, instant(launch.closes, launch.zone) <= facts.now)
        for launch in facts.launches.values()
    ]  # an update of the time zones can move these
    today = wall_time(facts.now, publication.slot.zone).date()
    return digest_of([text, publication, templates.digest, facts, message, renderer, moments, today])
