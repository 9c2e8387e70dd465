"""Every letter in Chromium: axe, narrow windows, no styles, no pictures, the size of buttons, the reference's pixels."""

import pytest

from tests.support.letters import letters
from tests.support.mail_browser import compare, shown, without_styles
from tests.support.mail_tools import run_node

NAMES = [letter.name for letter in letters()]
NEAR_PIXELS, NEAR_HEIGHT = 0.01, 2

# A mail stands inside a page of the mail program's, which has the landmarks.
AXE = """async () => {
  const found = await axe.run(document, { rules: { region: { enabled: false }, 'landmark-one-main': { enabled: false } } });
  return { passes: found.passes.length, violations: found.violations.map(v =>
    `${v.id} (${v.impact}): ${v.nodes.map(n => n.html.slice(0, 200) + ' ' + (n.failureSummary || '')).join(' | ')}`) };
}"""

# Every picture's words: their size, and their contrast against what is behind them (WCAG 2, relative luminance).
ALTS = """() => {
  const rgb = text => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = node => { for (; node; node = node.parentElement) {
    const c = rgb(getComputedStyle(node).backgroundColor); if (c.length < 4 || c[3] > 0) return c; } return [255, 255, 255]; };
  return [...document.images].filter(image => image.alt).map(image => {
    const style = getComputedStyle(image);
    const pair = [light(rgb(style.color)), light(behind(image))].sort((a, b) => b - a);
    return { alt: image.alt, size: parseFloat(style.fontSize), contrast: (pair[0] + 0.05) / (pair[1] + 0.05),
             box: [image.getBoundingClientRect().width, image.getBoundingClientRect().height] };
  });
}"""

BUTTONS = """() => [...document.querySelectorAll('a')].filter(a => getComputedStyle(a).display === 'inline-block'
    && !a.querySelector('img')).map(a => { const box = a.getBoundingClientRect(); return [a.textContent.trim(), box.width, box.height]; })"""

WIDE = """() => [document.documentElement.scrollWidth, [...document.querySelectorAll('body *')]
  .filter(node => node.getBoundingClientRect().right > innerWidth + 0.5).slice(0, 4).map(node => node.outerHTML.slice(0, 160))]"""


@pytest.fixture(params=NAMES)
def letter(request):
    return letters()[NAMES.index(request.param)]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing_in_a_letter(chromium, npm_packages, letter, dark):
    axe = (npm_packages / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
    with shown(chromium, letter.html, dark=dark) as page:
        page.evaluate(axe)
        found = page.evaluate(AXE)
    assert found["passes"] > 10
    assert found["violations"] == []


def test_axe_would_see_links_too_dark_for_the_dark(chromium, npm_packages):
    html = letters()[0].html.replace(".link,", ".lost,")
    assert html != letters()[0].html
    axe = (npm_packages / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
    with shown(chromium, html, dark=True) as page:
        page.evaluate(axe)
        assert any("color-contrast" in one for one in page.evaluate(AXE)["violations"])


@pytest.mark.parametrize("styled", [True, False], ids=["styled", "unstyled"])
def test_a_phone_shows_a_letter_without_scrolling_sideways(chromium, letter, styled):
    html = letter.html if styled else without_styles(letter.html)
    assert ("<style" in html) == styled
    with shown(chromium, html, width=375) as page:
        width, beyond = page.evaluate(WIDE)
    assert width <= 375, beyond


@pytest.mark.parametrize(
    ("dark", "styled"), [(False, True), (True, True), (False, False)], ids=["light", "dark", "bare"]
)
def test_without_pictures_their_words_can_be_read(chromium, letter, dark, styled):
    html = letter.html if styled else without_styles(letter.html)
    with shown(chromium, html, dark=dark, pictures=False) as page:
        for picture in page.evaluate(ALTS):
            assert picture["size"] >= 13, picture
            assert picture["contrast"] >= 4.5, picture
            assert min(picture["box"]) > 13, picture


@pytest.mark.parametrize("width", [600, 375])
def test_every_button_is_large_enough_for_a_thumb(chromium, letter, width):
    with shown(chromium, letter.html, width=width) as page:
        small = [button for button in page.evaluate(BUTTONS) if min(button[1:]) < 44]
    assert small == []


def test_the_sample_issue_has_buttons_to_measure(chromium):
    with shown(chromium, letters()[0].html) as page:
        assert len(page.evaluate(BUTTONS)) >= 3


@pytest.fixture(scope="module")
def reference(npm_packages):
    """What the reference implementation makes of the same MJML, by letter."""
    return run_node("reference_mjml.cjs", {letter.name: letter.mjml for letter in letters()})["pages"]


def test_the_reference_draws_every_letter_the_same(chromium, letter, reference):
    assert reference[letter.name]["errors"] == []
    for width in (600, 375):
        pictures = []
        for html in (letter.edition.html, reference[letter.name]["html"]):
            with shown(chromium, html, width=width) as page:
                pictures.append(page.screenshot(full_page=True))
        with shown(chromium, "<p>two pictures</p>") as page:
            found = compare(page, *pictures)
        heights = [size[1] for size in found["sizes"]]
        assert abs(heights[0] - heights[1]) <= NEAR_HEIGHT, (width, found)
        assert found["differing"] < NEAR_PIXELS * found["pixels"], (width, found)
