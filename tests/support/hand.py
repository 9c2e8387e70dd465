"""A keyboard on a page in Chromium, and axe, which looks at every page it comes to."""

from worker.web.attribution import COOKIE

AXE = """async () => {
  const found = await axe.run(document);
  return { passes: found.passes.length, violations: found.violations.map(v =>
    `${v.id} (${v.impact}): ${v.nodes.map(n => n.html.slice(0, 200) + ' ' + (n.failureSummary || '')).join(' | ')}`) };
}"""
WHERE = "() => (document.activeElement.labels?.[0] || document.activeElement).innerText.trim()"


class Hand:
    """A keyboard on one page. Each page it comes to is looked at by axe, for its width, and for cookies."""

    def __init__(self, page, url, axe):
        self.page, self.url, self._axe = page, url, axe

    def go(self, path):
        self.page.goto(self.url + path)
        self.look()

    def look(self):
        page = self.page
        page.wait_for_load_state()
        page.evaluate(self._axe)
        found = page.evaluate(AXE)
        assert found["violations"] == [], page.url
        assert found["passes"] > 10
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        assert {one["name"] for one in page.context.cookies()} <= {COOKIE}  # who brought them, and nothing else
        assert page.get_by_role("heading", level=1).count() == 1

    def to(self, words):
        """Tab until what has the focus is called so."""
        for _ in range(12):
            self.page.keyboard.press("Tab")
            if self.page.evaluate(WHERE).startswith(words):
                return self
        raise AssertionError(f"no way by Tab to {words!r} on {self.page.url}")

    def type(self, text):
        self.page.keyboard.type(text)
        return self

    def press_down(self):
        """The next one of a group of radio buttons."""
        self.page.keyboard.press("ArrowDown")
        return self

    def press(self, key="Enter"):
        with self.page.expect_navigation():
            self.page.keyboard.press(key)
        self.look()

    @property
    def title(self):
        return self.page.get_by_role("heading", level=1).inner_text()

    @property
    def said(self):
        return self.page.get_by_role("main").inner_text()
