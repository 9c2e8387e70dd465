"""The mails of this project's own launch, as written: both plans, every link, nothing paid in a free mail, nothing to mend."""

import re
from pathlib import Path

import pytest

from tests.support.rendering import PROJECT
from worker import sources
from worker.domain.edition import MergeName
from worker.domain.subscriber import Plan
from worker.render.edition import render_editions
from worker.render.layout import Templates
from worker.render.preflight import preflight
from worker.render.scene import Facts
from worker.sources.frontmatter import Sheet
from worker.sources.issues import ISSUE_KEYS, issue_of

FOLDER = PROJECT / "content" / "sequences" / "launch"
KEYS = ISSUE_KEYS | {"when", "only_if", "stop_if", "anchor", "days", "at"}
STEPS = {path.stem.lstrip("_0123456789-"): path for path in sorted(FOLDER.glob("*.md"))}
#: What only paying readers are told, in any spelling.
PAID = re.compile(r"fifth|discount|a paying reader|paid letter|pays? less|cost[s]? .{0,12}less", re.IGNORECASE)


def text_of(name):
    path = Path(STEPS[name])
    return issue_of(Sheet.read(PROJECT, path, KEYS), path.stem)


def facts():
    launches = sources.read_launches(PROJECT)
    return Facts(4_321, launches["producer-groups"].opens_at, "https://longtake.example.com", launches)


def editions(name):
    templates = Templates(sources.read_templates(PROJECT), sources.read_theme(PROJECT))
    return render_editions(text_of(name), sources.read_publication(PROJECT), templates, facts(), "step")


def test_there_is_an_announcement_a_reminder_and_a_last_call():
    assert set(STEPS) == {"announcement", "reminder", "last-call"}
    assert {text_of(name).id for name in STEPS} == set(STEPS)


@pytest.mark.parametrize("name", STEPS)
def test_every_reader_can_apply_and_can_ask_to_hear_no_more_of_it(name):
    for edition in editions(name).values():
        names = {tag.name for tag in edition.merge_tags}
        assert {MergeName.APPLY_LINK, MergeName.MUTE_LINK, MergeName.UNSUBSCRIBE_LINK} <= names
        for part in (edition.html, edition.text):
            assert "longtake.example.com/n/-bs" in part
            assert "longtake.example.com/a/-bs" in part


@pytest.mark.parametrize("name", STEPS)
def test_what_paying_readers_are_offered_is_in_no_free_mail(name):
    made = editions(name)
    free = made[Plan.FREE]
    for part in (free.subject, free.preheader, free.html, free.text):
        assert not PAID.search(re.sub(r"<style.*?</style>", "", part, flags=re.DOTALL)), part
    assert PAID.search(made[Plan.PAID].text)
    assert PAID.search(made[Plan.PAID].subject + made[Plan.PAID].preheader)


@pytest.mark.parametrize("name", STEPS)
def test_the_preflight_finds_nothing_to_mend(name):
    templates = Templates(sources.read_templates(PROJECT), sources.read_theme(PROJECT))
    assert preflight(text_of(name), sources.read_publication(PROJECT), templates, facts(), "step") == []
