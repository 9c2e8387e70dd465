"""Style sheets: what makes Gmail, Yahoo or Outlook drop one, and what dark mode needs of it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from worker.render.preflight.findings import ERROR, Spot, rule
from worker.render.preflight.proof import Proof

_STYLE = "emails/layouts/style.mjml.j2"
_BLOCK = re.compile(r"@media[^{]*\{((?:[^{}]|\{[^{}]*\})*)\}")


@rule("style-traps", ERROR, "a mail client drops the rule after it, or the whole style sheet")
def styles_hold_no_trap(proof: Proof) -> Iterator[Spot]:
    """R03 to R07: no <style> in the body, no @ in an @ block, no comment, no comma in a media query, no url()."""
    for plan, mail in proof.mails:
        css = "\n".join(mail.styles)
        body = mail.html[mail.html.find("<body") :]
        traps = {
            "a <style> in the body (R03)": "<style" in body,
            "an @ inside an @ block (R04)": any("@" in block for block in _BLOCK.findall(css)),
            "a comment (R05)": "/*" in css,
            "a comma in a media query (R06)": re.search(r"@media[^{]*,", css) is not None,
            "url() (R07)": "url(" in css,
        }
        for trap in (name for name, there in traps.items() if there):
            yield Spot(f"the {plan} mail's styles hold {trap}", f"write {_STYLE} without it", file=_STYLE)


@rule("remote-style", ERROR, "clients block it, and whoever serves it learns who reads")
def styles_are_our_own(proof: Proof) -> Iterator[Spot]:
    """R23: no font or style sheet from elsewhere."""
    for plan, mail in proof.mails:
        if found := re.search(r"<link\b[^>]*|@import[^;]*|@font-face", mail.html):
            yield Spot(
                f"the {plan} mail loads {found[0][:60]!r}", "use fonts that readers have", file="emails/theme.toml"
            )


@rule("dark-mode", ERROR, "in dark mode readers would see dark words on a dark ground")
def dark_mode_is_meant(proof: Proof) -> Iterator[Spot]:
    """R27: both metas, a query of which every declaration is !important, and Outlook's own attributes."""
    for plan, mail in proof.mails:
        metas = {tag.get("name"): tag.get("content", "") for _, tag in mail.page.every("meta")}
        css = "\n".join(mail.styles)
        dark = re.findall(r"@media[^{]*prefers-color-scheme:\s*dark[^{]*\{((?:[^{}]|\{[^{}]*\})*)\}", css)
        declared = [one for block in dark for rule in re.findall(r"\{([^{}]*)\}", block) for one in rule.split(";")]
        missing = {
            "the meta color-scheme": "dark" not in metas.get("color-scheme", ""),
            "the meta supported-color-schemes": "dark" not in metas.get("supported-color-schemes", ""),
            "a rule for prefers-color-scheme: dark": not dark,
            "!important on every dark declaration": any("!important" not in one for one in declared if one.strip()),
            "[data-ogsc] and [data-ogsb]": "[data-ogsc]" not in css or "[data-ogsb]" not in css,
        }
        for what in (name for name, lacks in missing.items() if lacks):
            yield Spot(f"the {plan} mail lacks {what}", f"write it in {_STYLE} or the letter's head", file=_STYLE)
