"""A reader with a browser, on a phone, without JavaScript, in light and in dark."""

import pytest
from sqlalchemy import select

from tests.e2e.conftest import SECRET
from tests.support.makers import make_subscriber
from worker.render.links import Signer
from worker.store.engine import reading, writing
from worker.store.tables import suppressions
from worker.web.attribution import COOKIE

# Runs in the page: every text with its contrast against the background behind it (WCAG 2, relative luminance).
WEAK_TEXT = """() => {
  const rgb = text => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = node => { for (; node; node = node.parentElement) {
    const c = rgb(getComputedStyle(node).backgroundColor); if (c.length < 4 || c[3] > 0) return c; } return [255, 255, 255]; };
  return [...document.querySelectorAll('body *')]
    .filter(node => [...node.childNodes].some(child => child.nodeType === 3 && child.data.trim()))
    .map(node => { const pair = [light(rgb(getComputedStyle(node).color)), light(behind(node))].sort((a, b) => b - a);
      return [node.textContent.trim().slice(0, 40), (pair[0] + 0.05) / (pair[1] + 0.05)]; })
    .filter(([, ratio]) => ratio < 4.5);
}"""


@pytest.fixture
def reader(web):
    with writing(web.engine) as connection:
        return make_subscriber(connection, "paid", address="ada@example.com")


def open_pages(reader):
    signer = Signer(SECRET)
    return {
        "leave": signer.unsubscribe_path(reader.id, 3),
        "manage": signer.manage_path(reader.id),
        "recommend": f"/r/{reader.referral_code}",
        "subscribe": f"/subscribe?r={reader.referral_code}",
        "confirm": signer.confirm_path(reader.id, 3),
        "home": "/",
        "damaged": "/u/damaged",
    }


def test_a_reader_leaves_by_the_button_without_javascript(chromium, web, reader):
    page = chromium.new_page(java_script_enabled=False, viewport={"width": 375, "height": 667})
    page.goto(web.url + open_pages(reader)["leave"])
    with reading(web.engine) as connection:
        assert connection.execute(select(suppressions)).all() == []
    page.get_by_role("button", name="Unsubscribe").click()
    assert page.get_by_role("heading", level=1).inner_text().startswith("You have left")
    with reading(web.engine) as connection:
        row = connection.execute(select(suppressions)).one()
    assert (row.address_key, row.reason, row.evidence) == ("ada@example.com", "unsubscribed", "link:mailing 3")
    page.goto(web.url + open_pages(reader)["manage"])
    assert page.get_by_role("button").count() == 0
    page.close()
    assert open_pages(reader)["leave"][3:] not in web.log.read_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_fits_a_phone_and_is_readable(chromium, web, reader, scheme):
    context = chromium.new_context(color_scheme=scheme, viewport={"width": 320, "height": 640})
    page = context.new_page()
    complaints = []
    page.on("console", lambda line: complaints.append(line.text) if "404" not in line.text else None)
    for name, path in open_pages(reader).items():
        page.goto(web.url + path)
        assert page.evaluate("document.documentElement.scrollWidth") == 320, name
        assert page.evaluate(WEAK_TEXT) == [], name
        assert page.evaluate("document.documentElement.lang"), name
        assert page.get_by_role("heading", level=1).count() == 1, name
        assert page.title(), name
        for button in page.get_by_role("button").all():
            assert button.bounding_box()["height"] >= 44, name
        assert {one["name"] for one in context.cookies()} <= {COOKIE}, name  # who brought them, and nothing else
    assert complaints == []
    context.close()
