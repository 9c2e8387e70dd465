"""Takes out of MRML's HTML what no mail client needs, for Gmail cuts mail by its bytes (R01).

Every step leaves what is drawn as it was: conditional comments that touch become one; a ghost table of Outlook's whose
twin has just been closed goes on as a row of it; and what is for Outlook is no longer also for Internet Explorer 9,
which no mail program has shown mail with for years.
"""

from __future__ import annotations

import re

_SEAM = "<![endif]--><!--[if mso | IE]>"
_GHOST = "<!--[if mso | IE]>"
_SECTION = re.compile(
    r'(<!--\[if mso \| IE\]>|</td></tr></table>)(<table [^>]*>)(?=<tr><td style="line-height:0px;font-size:0px;mso-)'
)


def slim(html: str) -> str:
    """The same mail in fewer bytes, about a fifteenth less."""
    return _joined(html.replace(_SEAM, "")).replace(_GHOST, "<!--[if mso]>")


def _joined(html: str) -> str:
    """A section's ghost table that follows one of the same form becomes a row of it."""
    before = ""

    def row(found: re.Match[str]) -> str:
        nonlocal before
        same, before = found[1] != _GHOST and found[2] == before, found[2]
        return "</td></tr>" if same else found[0]

    return _SECTION.sub(row, html)
