"""The HTML of every letter, and of every example of the CommonMark specification, before html-validate."""

from tests.support.letters import letters
from tests.support.mail_tools import run_node
from tests.support.rendering import editions, make_facts, make_issue, make_publication, templates
from worker.domain.subscriber import Plan
from worker.errors import RenderError
from worker.render.preflight import Severity, preflight

# The recommended rules, without those about how pages for browsers are written: mail needs what they forbid.
EMAIL = {
    "extends": ["html-validate:recommended"],
    "rules": {
        "no-inline-style": "off",  # the only styles Gmail gives everybody
        "no-deprecated-attr": "off",  # align, bgcolor, cellpadding: Word reads no CSS for them
        "no-conditional-comment": "off",  # Outlook's ghost tables
        "void-style": "off",  # MRML closes <img /> and <meta />
        "doctype-style": "off",  # MRML writes it in lower case
        "prefer-native-element": "off",  # <article> is unknown to Outlook, so the role stands on a <div>
        "long-title": "off",  # a title is the author's
        "no-trailing-whitespace": "off",
    },
}
LEAST_EXAMPLES = 600  # of 652; the others are refused by name (raw schemes, images within words)


def test_every_letter_passes_html_validate(npm_packages):
    pages = {letter.name: letter.html for letter in letters()}
    assert run_node("html_validate.cjs", {"config": EMAIL, "pages": pages}) == {}


def test_html_validate_with_our_rules_still_finds_what_matters(npm_packages):
    wrong = {
        "alt": '<img src="https://a.example.com/x.png">',
        "attribute": '<p title="say \\"hi\\"">x</p>',
        "id": '<p id="a">x</p><p id="a">y</p>',
        "nesting": "<p><table><tr><td>x</td></tr></table></p>",
        "link": '<a href="https://a.example.com/"></a>',
        "unclosed": "<div><b>x</div>",
    }
    pages = {
        name: f"<!doctype html><html lang='en'><head><title>t</title></head><body>{html}</body></html>"
        for name, html in wrong.items()
    }
    assert set(run_node("html_validate.cjs", {"config": EMAIL, "pages": pages})) == set(wrong)


def test_every_commonmark_example_renders_to_valid_mail_or_is_refused_by_name(npm_packages):
    examples = {f"{one['number']} {one['section']}": one["markdown"] for one in run_node("commonmark.cjs", None)}
    pages, refused = {}, {}
    for name, markdown in examples.items():
        try:
            pages[name] = editions(markdown)[Plan.FREE].html
        except RenderError as wrong:
            refused[name] = wrong
    assert [str(wrong) for wrong in refused.values() if not wrong.line] == []
    assert len(pages) >= LEAST_EXAMPLES, refused
    invalid = run_node("html_validate.cjs", {"config": EMAIL, "pages": pages})
    assert {name: found for name, found in invalid.items() if not withheld(examples[name])} == {}


def withheld(markdown):
    """Whether preflight keeps a text from being sent because of a link or picture without words, and names the line."""
    found = preflight(make_issue(markdown), make_publication(), templates(), make_facts())
    return any(one.severity is Severity.ERROR and one.line and one.rule in ("link", "alt") for one in found)
