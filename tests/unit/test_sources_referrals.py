"""What stands in `[referral]` by mistake is told with its line and what to write; it is never a traceback."""

import pytest

from tests.unit.test_sources import PUBLICATION, write
from worker import sources
from worker.errors import SourceError
from worker.sources.referrals import reward_file

LINE = PUBLICATION.count("\n") + 5  # of what is wrong in a milestone below


def milestone(lines):
    return f'{PUBLICATION}[[referral.milestones]]\nid = "hat"\nfriends = 1\nname = "A hat"\n{lines}\n'


@pytest.mark.parametrize(
    ("lines", "key"),
    [
        ('approval = ["manual"]\ntext = "x"', "approval"),
        ('approval = {a = 1}\ntext = "x"', "approval"),
        ('approval = 3\ntext = "x"', "approval"),
        ('file = "\\u0000"', "file"),
        (f'file = "{"x" * 300}"', "file"),
        ('file = "."', "file"),
        ('file = "../publication.toml"', "file"),
        ('file = "~root/x"', "file"),
        ('file = ["x"]', "file"),
        ('link = "https://["', "link"),
        ('text = "\\u0000"', "text"),
        ("text = 3", "text"),
        ("months = {a = 1}", "months"),
    ],
)
def test_a_milestone_that_is_wrong_is_told(tmp_path, lines, key):
    (tmp_path / "content" / "rewards").mkdir(parents=True)
    write(tmp_path, "content/publication.toml", milestone(lines))
    with pytest.raises(
        SourceError, match=rf"^content/publication\.toml:{LINE}: referral\.milestones\[1\]\.{key} "
    ) as told:
        sources.read_publication(tmp_path)
    assert told.value.fix


@pytest.mark.parametrize(
    "lines",
    ["disposable = [1]", "disposable = [[]]", "days = true", "per_network = 0", "milestones = 3", "milestones = [1]"],
)
def test_a_rule_that_is_wrong_is_told(tmp_path, lines):
    write(tmp_path, "content/publication.toml", f"{PUBLICATION}[referral]\n{lines}\n")
    with pytest.raises(SourceError, match=r"^content/publication\.toml:\d+: referral\."):
        sources.read_publication(tmp_path)


@pytest.mark.parametrize("value", ["9" * 5_000, "[" * 5_000])
def test_what_no_toml_parser_can_take_is_told(tmp_path, value):
    write(tmp_path, "content/publication.toml", f"{PUBLICATION}x = {value}\n")
    with pytest.raises(SourceError, match=r"^content/publication\.toml: is not TOML"):
        sources.read_publication(tmp_path)


def test_links_in_a_circle_are_no_reward(tmp_path):
    folder = tmp_path / "content" / "rewards"
    folder.mkdir(parents=True)
    (folder / "one").symlink_to("two")
    (folder / "two").symlink_to("one")
    assert reward_file(tmp_path, "one") is None


def test_there_are_fifty_milestones_at_most(tmp_path):
    lines = [f'[[referral.milestones]]\nid = "m{n}"\nfriends = {n}\nname = "N"\ntext = "x"\n' for n in range(1, 52)]
    write(tmp_path, "content/publication.toml", PUBLICATION + "".join(lines[:50]))
    assert len(sources.read_publication(tmp_path).referral.milestones) == 50
    write(tmp_path, "content/publication.toml", PUBLICATION + "".join(lines))
    with pytest.raises(SourceError, match=r"referral\.milestones\[51\]\.id is one more than 50"):
        sources.read_publication(tmp_path)
