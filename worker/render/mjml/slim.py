"""Takes out of MRML's HTML what no mail client needs, for Gmail cuts mail by its bytes (R01).

Every step leaves what is drawn as it was: conditional comments that touch become one; a ghost table of Outlook's whose
twin has just been closed goes on as a row of it; and what is for Outlook is no longer also for Internet Explorer 9,
which no mail program has shown mail with for years.
"""

from __future__ import annotations

import re

_SEAM = b"<![endif]--><!--[if mso | IE]>"
_GHOST = b"<!--[if mso | IE]>"
_SECTION = re.compile(
    rb'(<!--\[if mso \| IE\]>|</td></tr></table>)(<table [^>]*>)(?=<tr><td style="line-height:0px;font-size:0px;mso-)'
)


def slim(html: bytes) -> bytes:
    """The same mail in fewer bytes, about a fifteenth less."""
    return _joined(html.replace(_SEAM, b"")).replace(_GHOST, b"<!--[if mso]>")


def _joined(html: bytes) -> bytes:
    """A section's ghost table that follows one of the same form becomes a row of it."""
    before = b""

    def row(found: re.Match[bytes]) -> bytes:
        nonlocal before
        same, before = found[1] != _GHOST and found[2] == before, found[2]
        return b"</td></tr>" if same else found[0]

    return _SECTION.sub(row, html)
