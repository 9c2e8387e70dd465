"""A ratchet: what Gmail, Outlook, Apple Mail and Yahoo do not support may become less, never more.

`unsupported_features.json` is our own list of names. UPDATE_BASELINE=1 writes it anew; a longer list needs a reason.
"""

import json
import os
from pathlib import Path

from tests.support.letters import letters
from tests.support.mail_features import PROGRAMS, unsupported, used_features

BASELINE = Path(__file__).parent / "unsupported_features.json"


def test_letters_use_no_more_and_no_less_unsupported_features_than_the_baseline_says(npm_packages):
    found = unsupported((letter.html for letter in letters()), npm_packages)
    if os.environ.get("UPDATE_BASELINE"):
        BASELINE.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    kept = json.loads(BASELINE.read_text(encoding="utf-8"))
    both = sorted(set(found) | set(kept))
    new = {where: gone for where in both if (gone := sorted(set(found.get(where, ())) - set(kept.get(where, ()))))}
    assert new == {}, "features that these programs lack came in; use another, or say why and write the baseline anew"
    old = {where: gone for where in both if (gone := sorted(set(kept.get(where, ())) - set(found.get(where, ()))))}
    assert old == {}, "these are used no more: write the baseline anew, so that they do not come back unseen"


def test_the_baseline_is_about_the_programs_that_matter(npm_packages):
    assert {where.partition(" ")[0] for where in json.loads(BASELINE.read_text(encoding="utf-8"))} <= set(PROGRAMS)


def test_a_feature_that_came_in_would_be_seen(npm_packages):
    page = letters()[0].html
    odd = (
        '<div style="display:grid;gap:1em;color:var(--ink)"></div><img src="https://a.example.com/x.svg"><form></form>'
    )
    came = used_features(page.replace("</body>", f"{odd}</body>"), npm_packages) - used_features(page, npm_packages)
    assert {"css-display-grid", "css-gap", "css-variables", "image-svg", "html-form"} <= came
