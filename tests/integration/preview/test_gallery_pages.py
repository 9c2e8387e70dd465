"""The gallery: every block, by itself; and what it takes to add one."""

import re
import shutil
import subprocess
import sys
from html import unescape

import pytest

from tests.support.commands import ROOT, clean_environment
from worker.render.registry import KINDS

FRAME = re.compile(
    r'<figure class="(\w+)"><iframe sandbox="([^"]*)" loading="lazy" width="(\d+)"[^>]* srcdoc="([^"]*)">'
)


def rooms(page):
    """Each block's part of the page."""
    return dict(re.findall(r'<section id="([^"]+)">(.*?)</section>', page, re.DOTALL))


def test_every_block_is_shown_in_light_and_dark_at_both_widths(broadsheet, project, tmp_path):
    out = tmp_path / "deep" / "gallery.html"
    ended = broadsheet("gallery", "--out", out, "--project", project)
    assert (ended.code, ended.out.strip()) == (0, str(out))
    shown = rooms(out.read_text(encoding="utf-8"))
    assert list(shown) == list(KINDS)
    for room in shown.values():
        kinds = {(scheme, width) for scheme, _, width, _ in FRAME.findall(room)}
        assert kinds == {(scheme, width) for scheme in ("light", "dark") for width in ("375", "600")}


def test_the_page_fetches_nothing_and_runs_nothing_of_the_mails(broadsheet, project, tmp_path):
    out = tmp_path / "gallery.html"
    broadsheet("gallery", "--out", out, "--project", project)
    page = out.read_text(encoding="utf-8")
    assert "default-src &#x27;none&#x27;; img-src data:" in page
    for scheme, sandbox, _, html in FRAME.findall(page):
        mail = unescape(html)
        assert sandbox == "allow-same-origin"
        assert "prefers-color-scheme" not in mail
        assert f"color-scheme:{scheme}" in mail
        assert all(source.startswith("data:image/") for source in re.findall(r'<img[^>]*\ssrc="([^"]*)"', mail))
        assert not re.search(r"-bs\d\d\w-", mail)
    outside = re.sub(r'srcdoc="[^"]*"|<pre>.*?</pre>', "", page, flags=re.DOTALL)
    assert not re.search(r'(?:src|href)="(?!#|data:)', outside)


def test_a_block_that_is_wrong_is_said_and_keeps_no_other_from_being_shown(broadsheet, project, tmp_path):
    (project / "emails" / "blocks" / "journal.mjml.j2").write_text("\n{{ nothing_like_that }}", encoding="utf-8")
    (project / "emails" / "samples" / "next.md").unlink()
    out = tmp_path / "gallery.html"
    ended = broadsheet("gallery", "--out", out, "--project", project)
    assert ended.code == 1
    assert "emails/blocks/journal.mjml.j2:2" in ended.err
    assert "write emails/samples/next.md" in ended.err
    shown = rooms(out.read_text(encoding="utf-8"))
    assert {name for name, room in shown.items() if 'class="problem"' in room} == {"journal", "next"}


def test_a_theme_that_cannot_be_read_is_one_sentence(broadsheet, project, tmp_path):
    (project / "emails" / "theme.toml").write_text("[light]\n", encoding="utf-8")
    ended = broadsheet("gallery", "--out", tmp_path / "gallery.html", "--project", project)
    assert ended.code == 1
    assert "emails/theme.toml" in ended.err


@pytest.fixture
def copied(tmp_path):
    """A copy of everything, to which a block is added: one template, one sample, one line."""
    folder = tmp_path / "copy"
    for part in ("worker", "emails", "content", "docs", "tests"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    registry = folder / "worker" / "render" / "registry.py"
    line = '    "margin": BlockKind(Room.TOP, views.titled("In the margin"), "a note beside the letter"),\n'
    lines = registry.read_text(encoding="utf-8").splitlines(keepends=True)
    at = next(number for number, one in enumerate(lines) if one.startswith('    "button": '))
    registry.write_text("".join([*lines[:at], line, *lines[at:]]), encoding="utf-8")
    (folder / "emails" / "blocks" / "margin.mjml.j2").write_text('{% extends "layouts/aside.mjml.j2" %}\n')
    (folder / "emails" / "samples" / "margin.md").write_text("::: margin\nWritten small.\n:::\n")
    return folder


def ran(folder, *words, **settings):
    command = [sys.executable, "-m", *words]
    environment = clean_environment(PYTHONPATH=str(folder), **settings)
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=100, check=False
    )


def test_a_new_block_is_one_template_one_sample_and_one_line(copied):
    """It is then in the gallery, in the golden files, in the letter with every block and in the author's guide."""
    ended = ran(copied, "worker.cli", "gallery", "--out", "gallery.html", "--project", ".")
    assert ended.returncode == 0, ended.stderr
    shown = rooms((copied / "gallery.html").read_text(encoding="utf-8"))
    assert "In the margin" in shown["margin"]
    assert "Written small." in shown["margin"]

    assert ran(copied, "tests.support.block_pages").returncode == 0
    guide = (copied / "docs" / "authoring.md").read_text(encoding="utf-8")
    assert "| `::: margin` | a note beside the letter |" in guide

    files = ["test_specimens.py", "test_render_registry.py"]
    tests = [f"tests/unit/render/{name}" for name in files]
    words = ("pytest", "-q", "-p", "no:randomly", "-p", "no:cacheprovider", *tests)
    ended = ran(copied, *words, UPDATE_GOLDEN="1")
    assert ended.returncode == 0, ended.stdout
    golden = copied / "tests" / "unit" / "render" / "golden" / "blocks"
    assert "Written small." in (golden / "margin.txt").read_text(encoding="utf-8")
    assert "Written small." in (golden / "margin.html").read_text(encoding="utf-8")
    assert ran(copied, *words).returncode == 0
