"""Notices: the confirmation asks and says no word of a stranger's; a text that is missing says what waits for it."""

import shutil

import pytest

from tests.support.rendering import PROJECT
from worker.domain.subscriber import Plan
from worker.errors import SourceError
from worker.sources import list_notices, read_notice
from worker.sources.texts import list_text_names, read_named_text


@pytest.fixture
def project(tmp_path):
    shutil.copytree(PROJECT / "content", tmp_path / "content")
    return tmp_path


def test_this_projects_own_notices_can_be_read_and_looked_at_by_name():
    assert list_notices(PROJECT) == ["confirmation", "welcome"]
    assert {"notices/confirmation", "notices/welcome"} <= set(list_text_names(PROJECT))
    text, message = read_named_text(PROJECT, "notices/welcome")
    assert (text.subject[Plan.FREE], message) == ("Welcome to The Long Take", "welcome")


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("{confirm_link}", "https://example.com", 6, "nobody could confirm"),
        ("Somebody, I hope you,", "Hello {first_name|there},", 7, "take {first_name} out"),
        ("title: Is this your address?", 'title: "{first_name|x}"', 2, "take {first_name} out"),
        ("preview:", "audience:", 4, "audience"),
    ],
)
def test_a_confirmation_that_cannot_serve_is_refused_with_its_line(project, old, new, line, words):
    path = project / "content" / "notices" / "confirmation.md"
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(SourceError) as wrong:
        read_notice(project, "confirmation")
    assert words in str(wrong.value)
    assert (wrong.value.file, wrong.value.line) == ("content/notices/confirmation.md", line)


def test_a_missing_notice_and_an_unknown_one_say_what_to_do(project):
    (project / "content" / "notices" / "confirmation.md").unlink()
    with pytest.raises(SourceError, match=r"docs/authoring\.md"):
        read_notice(project, "confirmation")
    with pytest.raises(SourceError, match="confirmation, welcome"):
        read_notice(project, "farewell")
    assert list_notices(project) == ["welcome"]
