"""What the author wrote, as a hash for each plan: an edit changes it, and nothing else does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.rendering import make_issue
from worker.domain.subscriber import Plan
from worker.render.written import source_hashes

BODY = (
    "## A head\n\nFor **all**, see [this](https://example.com/).\n\n::: paid\nOstrich\n:::\n\n::: free\nPelican\n:::\n"
)
FREE, PAID = {Plan.FREE}, {Plan.PAID}


def changed(before: object, after: object) -> set[Plan]:
    """The plans whose readers see something else."""
    first, second = source_hashes(before), source_hashes(after)
    return {plan for plan in Plan if first[plan] != second[plan]}


@pytest.mark.parametrize(
    ("old", "new", "plans"),
    [
        ("all", "you", FREE | PAID),
        ("**all**", "*all*", FREE | PAID),
        ("example.com/", "example.org/", FREE | PAID),
        ("## A", "### A", FREE | PAID),
        ("Ostrich", "Emu", PAID),
        ("Pelican", "Heron", FREE),
        ("::: paid", "::: free", FREE | PAID),
        ("::: paid\nOstrich\n:::\n\n", "", PAID),
        ("\n\n", "\n\n\n\n", set()),
        ("\n:::\n\n::: free", "\n\n:::\n\n\n::: free", set()),
    ],
)
def test_an_edit_of_the_text_changes_the_editions_that_show_it(old: str, new: str, plans: set[Plan]) -> None:
    assert old in BODY
    assert changed(make_issue(BODY), make_issue(BODY.replace(old, new))) == plans


def test_a_subject_or_preview_for_one_plan_changes_its_edition_alone() -> None:
    issue = make_issue(BODY)
    assert changed(issue, replace(issue, subject={**issue.subject, Plan.PAID: "Mended"})) == PAID
    assert changed(issue, replace(issue, preview={**issue.preview, Plan.FREE: "Mended"})) == FREE


def test_what_the_file_is_called_is_no_edit_and_neither_is_who_gets_it() -> None:
    issue = make_issue(BODY)
    assert changed(issue, replace(issue, slug="other", file="content/issues/other.md", audience="paid")) == set()
    assert changed(issue, replace(issue, body_line=issue.body_line + 3)) == set()
    assert changed(issue, replace(issue, title="Mended")) == FREE | PAID


def test_an_edition_is_never_taken_for_the_other_plans() -> None:
    hashes = source_hashes(make_issue("The same for all."))
    assert hashes[Plan.FREE] != hashes[Plan.PAID]
