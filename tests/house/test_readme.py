"""What README.md and docs/ tell a reader to type exists."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def pages():
    return [path for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))] if path.exists()]


def shell_lines(text):
    """Lines of fenced code blocks that are shell, without a prompt."""
    for block in re.findall(r"^```(?:sh|bash|shell|console|text)?\n(.*?)^```", text, re.M | re.S):
        for line in block.splitlines():
            yield line.strip().removeprefix("$ ")


def told(program):
    """The words after `program` in every shell line and inline code span of the pages."""
    for page in pages():
        text = page.read_text(encoding="utf-8")
        for line in [*shell_lines(text), *re.findall(r"`([^`\n]+)`", text)]:
            for found in re.findall(rf"(?:^|&& |\.venv/bin/){program} +([a-z].*)", line):
                yield page.name, found


def sub_commands(words):
    """The leading words of a command line that can be names of commands: at most two, before any option or value."""
    names = []
    for word in words.split()[:2]:
        if not re.fullmatch(r"[a-z][a-z-]*", word):
            break
        names.append(word)
    return tuple(names)


def test_every_make_target_that_is_named_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    assert targets
    assert [(page, words) for page, words in told("make") if words.split()[0] not in targets] == []


def test_every_command_that_is_named_exists(monkeypatch, capsys):
    if not (ROOT / "README.md").exists() or not (ROOT / "worker" / "cli" / "__main__.py").exists():
        pytest.skip("README.md or the commands are not written yet")
    from worker.cli import main

    def has_help(names):
        monkeypatch.setattr("sys.argv", ["broadsheet", *names, "--help"])
        with pytest.raises(SystemExit) as end:
            main()
        capsys.readouterr()
        return end.value.code in (0, None)

    named = {(page, sub_commands(words)) for page, words in told("broadsheet")}
    assert named
    # A second word may be an argument (`send my-issue`) and then `--help` answers for the first alone.
    assert [(page, names) for page, names in sorted(named) if names and not has_help(names)] == []


def test_every_link_between_the_pages_leads_somewhere():
    missing = [
        (page.name, link)
        for page in pages()
        for link in re.findall(r"\]\((?!https?:|mailto:|#|\{)([^)#\s]+)", page.read_text(encoding="utf-8"))
        if not (page.parent / link).exists()
    ]
    assert missing == []
