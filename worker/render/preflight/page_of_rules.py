"""docs/preflight.md, made of the rules themselves; a test holds the two together."""

from __future__ import annotations

from collections.abc import Sequence

from worker.render.preflight.findings import Rule
from worker.render.preflight.rules import SUBJECTS

_HEAD = """\
# What the preflight looks for

<!-- made from worker/render/preflight/ by page_of_rules.py; a test holds the two together -->

`broadsheet check`, `broadsheet preview` and `broadsheet send` ask the same rules. Each finding names the file, the line,
the rule, why it matters to a reader, and what to write instead. An **error** blocks sending, a *warning* does not. Lengths
are measured with the longest name in your list. `check` without a name reads the launches' files too; what is wrong with one
is the error `launch`.

A rule can be switched off for one letter, by name, in its front matter:

```yaml
silence: [link-http, subject-length]
```

What protects readers cannot be; a name that is no rule is an error. Rules marked *until sent* are about days: of a letter
that is on its way nobody asks them any more.
"""


def page_of_rules() -> str:
    """The whole page as Markdown."""
    return _HEAD + "".join(f"\n## {subject}\n\n{_table(rules)}" for subject, rules in SUBJECTS.items())


def _table(rules: Sequence[Rule]) -> str:
    rows = ["| rule | severity | holds | why | can be silenced |", "|---|---|---|---|---|"]
    for one in rules:
        holds = " ".join((one.look.__doc__ or "").split()).replace("|", "\\|")
        silenceable = ("yes" if one.silenceable else "no") + (", until sent" if one.timely else "")
        rows.append(
            f"| `{one.name}` | {one.severity} | {holds} | {one.why.replace('|', chr(92) + '|')} | {silenceable} |"
        )
    return "\n".join(rows) + "\n"
