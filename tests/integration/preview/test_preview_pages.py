"""The preview: what it shows, what it survives, and what it keeps out."""

import os
import re
import signal
from html import unescape

import pytest

from tests.support.makers import make_subscriber
from worker.config import load_settings
from worker.context import Context
from worker.preview.press import Press
from worker.store.engine import writing


def frames(page):
    """The mail in each frame, by its title."""
    found = re.findall(r'<iframe class="\w+" sandbox="([^"]*)" title="([^"]*)" srcdoc="([^"]*)">', page.body)
    return {title: unescape(html) for _sandbox, title, html in found}


def test_both_editions_are_shown_in_both_schemes_with_their_text_and_inbox_rows(still):
    page = still.get()
    assert page.status == 200
    shown = frames(page)
    assert set(shown) == {f"{plan} edition, {scheme}" for plan in ("free", "paid") for scheme in ("light", "dark")}
    assert "The Friday page" in shown["paid edition, light"]
    assert "The Friday page" not in shown["free edition, light"]
    assert "Good morning Ada" in shown["free edition, dark"]  # the sample's name
    assert not re.search(r"-bs\d\d\w-", page.body)
    assert page.body.count('<p class="subject">The quiet weeks count, and the worksheet for yours</p>') == 2
    assert page.body.count('<p class="from">Inés Okafor</p>') == 4
    assert "What a gaffer taught me about the months when the phone does not ring." in page.body
    assert page.body.count('<pre class="text">') == 2


def test_a_picture_of_the_project_comes_from_its_folder(still):
    assert 'src="/media/ridge.jpg"' in frames(still.get())["free edition, light"]
    assert still.get("/media/ridge.jpg").headers["Content-Type"] == "image/jpeg"


@pytest.mark.parametrize("name", ["..%2f..%2f.env", ".env", "nope.jpg", "..", "%2e%2e%2f.env"])
def test_nothing_but_pictures_is_served_from_the_project(still, name):
    answer = still.get(f"/media/{name}")
    assert answer.status == 404
    assert "secret" not in answer.body.lower()


def test_a_picture_that_is_a_link_out_of_the_project_is_not_served(preview, project, tmp_path):
    outside = tmp_path / "outside.png"
    outside.write_bytes(b"not for anybody")
    (project / "content" / "media" / "out.png").symlink_to(outside)
    assert preview.get("/media/out.png").status == 404


def test_a_subscribers_values_are_shown_and_their_edition_is_marked(preview, project):
    context = Context(load_settings(project, {}))
    with writing(context.engine) as connection:
        make_subscriber(connection, address="wen@example.com", name="Wen Li", plan="paid")
    context.engine.dispose()
    page = preview.get(**{"as": "Wen@Example.com"})
    assert "Good morning Wen" in frames(page)["paid edition, light"]
    assert "Wen Li, paid" in page.body
    assert re.search(r"Paid edition <span[^>]*>what this reader gets", page.body)


@pytest.mark.parametrize("address", ["nobody@example.com", "not an address", '"><script>alert(1)</script>'])
def test_an_address_that_is_not_on_the_list_is_said_and_a_sample_shown(still, address):
    page = still.get(**{"as": address})
    assert page.status == 200
    assert "not on the list" in page.body
    assert "Good morning Ada" in page.body
    assert "<script>alert" not in page.body


def test_a_step_of_a_sequence_is_shown_by_its_name(preview, project):
    assert "launch/20-reminder" in preview.get().body
    assert frames(preview.get(text="launch/20-reminder"))


def test_broken_markdown_is_shown_with_its_line_over_the_last_that_rendered_and_goes_on_when_mended(preview, issue):
    good = issue.read_text(encoding="utf-8")
    assert preview.get().status == 200
    issue.write_text(good.replace("It did not ring", "{frist_name} It <did> not ring"), encoding="utf-8")
    line = good[: good.index("It did not ring")].count("\n") + 1
    page = preview.get()
    assert page.status == 200
    assert f"{issue.name}:{line}</h2>" in page.body
    assert f"<tr class=here><th>{line}</th><td>{{frist_name}} It &lt;did&gt; not ring" in page.body
    assert "as it was before the mistake" in page.body
    assert "Good morning Ada" in frames(page)["free edition, light"]
    issue.write_text(good, encoding="utf-8")
    assert "frist_name" not in preview.get().body


@pytest.mark.parametrize("text", ["nope", "launch/nope", "nope/nope", "../../etc", "launch/../../x", "<b>"])
def test_a_text_that_is_not_there_is_said_on_the_page(still, text):
    page = still.get(text=text)
    assert page.status == 200
    assert 'role="alert"' in page.body
    assert "<b>" not in page.body


@pytest.mark.parametrize("file", ["content/publication.toml", "emails/theme.toml", "emails/layouts/letter.mjml.j2"])
def test_what_is_broken_elsewhere_in_the_project_is_said_on_the_page(preview, project, file):
    (project / file).write_text("{% [ nonsense", encoding="utf-8")
    page = preview.get()
    assert page.status == 200
    assert file in page.body
    assert 'role="alert"' in page.body


def test_a_project_without_any_issue_is_said_on_the_page(preview, issue):
    issue.unlink()
    for path in issue.parent.glob("*.md"):
        path.unlink()
    assert preview.get().status == 200


def test_preflight_is_listed_with_file_line_and_fix(preview, issue):
    text = issue.read_text(encoding="utf-8") + "\n[here](https://longtake.example.com/)\n"
    issue.write_text(text, encoding="utf-8")
    page = preview.get()
    line = text.count("\n")
    assert f"{issue.name}:{line}</td>" in page.body
    assert "does not say where it leads" in page.body


def test_everything_an_author_wrote_is_escaped(preview, issue):
    hostile = "<script>alert(1)</script>"
    text = issue.read_text(encoding="utf-8")
    text = text.replace("title: The quiet weeks count", f'title: "{hostile}"').replace("The quiet weeks count", hostile)
    issue.write_text(text.replace("What a gaffer", hostile), encoding="utf-8")
    page = preview.get()
    assert hostile not in page.body
    assert "&lt;script&gt;" in page.body


def test_the_state_changes_with_every_file_that_mail_is_made_of(preview, project, issue):
    seen = [preview.get("/state").body]
    for path in (issue, project / "emails" / "theme.toml", project / "content" / "media" / "new.png"):
        path.write_bytes((path.read_bytes() if path.exists() else b"") + b"\n")
        seen.append(preview.get("/state").body)
    issue.unlink()
    seen.append(preview.get("/state").body)
    assert len(set(seen)) == len(seen)
    assert preview.get("/state").body == seen[-1]
    assert all(re.fullmatch(r"[0-9a-f]{16}", state) for state in seen)


def test_the_page_outlives_its_renderer(preview):
    preview.get()
    first = preview.press.pid
    os.kill(first, signal.SIGSEGV)
    assert frames(preview.get()) or frames(preview.get())  # the first look may still meet the dying one
    assert preview.press.pid != first


def test_a_renderer_that_takes_too_long_is_ended_and_said(project):
    with Press(project, patience_seconds=0.001) as press:
        answer = press.ask({"want": "text", "text": "", "as": ""})
        assert "longer than 0.001 seconds" in answer["broken"]["problem"]
        assert press.pid is None


def test_a_renderer_that_crashes_over_a_question_is_said_with_its_signal(project):
    with Press(project) as press:
        assert press.ask({"want": "text", "text": "", "as": ""})["error"] is None
        os.kill(press.pid, signal.SIGSTOP)  # so that it cannot answer before it dies
        os.kill(press.pid, signal.SIGABRT)
        os.kill(press.pid, signal.SIGCONT)
        answer = press.ask({"want": "text", "text": "", "as": ""})
        assert answer.get("error", "") is None or "SIGABRT" in answer["broken"]["problem"]
        assert press.ask({"want": "text", "text": "", "as": ""})["error"] is None


def test_a_bug_in_the_renderer_is_said_and_the_same_one_goes_on(project):
    with Press(project) as press:
        first = press.ask({"want": "text"})  # a question without what it should hold
        assert "a bug: KeyError" in first["broken"]["problem"]
        pid = press.pid
        assert press.ask({"want": "text", "text": "", "as": ""})["error"] is None
        assert press.pid == pid


def test_only_this_machine_is_answered_and_nothing_may_frame_or_read_a_page(still):
    assert still.get(headers={"Host": "evil.example.com"}).status == 403
    assert still.get("/state", headers={"Host": "evil.example.com:80"}).status == 403
    headers = still.get().headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_mail_is_framed_without_scripts_forms_or_navigation(still):
    sandboxes = set(re.findall(r'<iframe [^>]*sandbox="([^"]*)"', still.get().body))
    assert sandboxes == {"allow-same-origin allow-popups allow-popups-to-escape-sandbox"}
    assert still.get().body.count("<iframe") == still.get().body.count("sandbox=")
