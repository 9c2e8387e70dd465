"""The preview in a real browser: it follows what is written, keeps what was chosen, and fits its frames."""

import threading

import pytest

from tests.support.commands import copy_project
from worker.preview.press import Press
from worker.preview.server import create_preview, preview_server
from worker.usecases.draw_gallery import draw_gallery

MAIL = "article[data-plan=paid] iframe.{}"


@pytest.fixture
def project(tmp_path, sqlite_url):
    folder = tmp_path / "project"
    folder.mkdir()
    return copy_project(folder, database_url=sqlite_url)


@pytest.fixture
def page(chromium, project):
    """The preview's page; whatever it complains of in the console fails the test."""
    with Press(project) as press:
        server = preview_server(create_preview(project, press), 0)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        one = chromium.new_page(viewport={"width": 1300, "height": 900})
        complaints = []
        one.on("console", lambda said: complaints.append(said.text))
        one.on("pageerror", lambda wrong: complaints.append(str(wrong)))
        one.goto(f"http://127.0.0.1:{server.server_port}/")
        yield one
        one.close()
        server.shutdown()
        thread.join()
        server.server_close()
    assert complaints == []


def test_an_edit_is_shown_without_anybody_pressing_anything(page, project):
    (issue,) = (project / "content" / "issues").glob("*quiet-weeks*")
    page.check("input[value=phone]")
    text = issue.read_text(encoding="utf-8")
    issue.write_text(text.replace("It did not ring for seven months", "It rang at once"), encoding="utf-8")
    page.frame_locator(MAIL.format("light")).get_by_text("It rang at once").wait_for()
    assert page.is_checked("input[value=phone]")
    assert page.locator(MAIL.format("light")).evaluate("frame => frame.offsetWidth") == 375
    issue.write_text(text.replace("It did not ring", "{frist_name} It did not ring"), encoding="utf-8")
    page.get_by_text("{frist_name} is no merge tag").first.wait_for()
    issue.write_text(text, encoding="utf-8")
    page.get_by_text("Below: as it was before the mistake").wait_for(state="detached")


def test_each_scheme_is_forced_whatever_the_browser_prefers(page):
    ground = "frame => getComputedStyle(frame.contentDocument.body).backgroundColor"
    for preferred in ("light", "dark"):
        page.emulate_media(color_scheme=preferred)
        assert page.locator(MAIL.format("light")).evaluate(ground) == "rgb(253, 252, 249)"
        assert page.locator(MAIL.format("dark")).evaluate(ground) == "rgb(22, 24, 27)"


def test_a_frame_is_as_high_as_its_mail_and_its_text_can_be_read_instead(page):
    frame = page.locator(MAIL.format("light"))
    page.wait_for_function("document.querySelector('iframe').offsetHeight > 3000")
    assert frame.evaluate("f => f.contentDocument.documentElement.scrollHeight <= f.offsetHeight")
    page.check("input[value=dark]")
    assert not frame.is_visible()
    assert page.locator(MAIL.format("dark")).is_visible()
    page.check("input[value=text]")
    assert page.locator("article[data-plan=paid] pre.text").is_visible()


def test_the_gallery_fits_its_frames_and_fetches_nothing(chromium, project, tmp_path):
    page_file = tmp_path / "gallery.html"
    made, problems = draw_gallery(project)
    assert problems == []
    page_file.write_text(made, encoding="utf-8")
    page = chromium.new_page(viewport={"width": 1300, "height": 900})
    asked, complaints = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda said: complaints.append(said.text))
    page.goto(page_file.as_uri())
    frame = page.locator("#journal figure.dark iframe").first
    frame.scroll_into_view_if_needed()
    page.wait_for_function(
        "() => { const f = document.querySelector('#journal figure.dark iframe');"
        " return f.contentDocument.body.childNodes.length && f.offsetHeight > 200 && f.offsetHeight !== 400; }"
    )
    assert frame.evaluate("f => f.offsetHeight - f.contentDocument.documentElement.scrollHeight") in range(4)
    assert frame.evaluate("f => getComputedStyle(f.contentDocument.body).backgroundColor") == "rgb(22, 24, 27)"
    page.close()
    assert [url for url in asked if not url.startswith(("file:", "data:", "about:"))] == []
    assert complaints == []
