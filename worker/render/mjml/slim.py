"""Takes out of MRML's HTML what no mail client needs, for Gmail cuts mail by its bytes (R01).

Every step leaves what is drawn as it was: conditional comments that touch become one; a section whose ghost table, which
is Outlook's alone, is of the form of the one before it goes on as a row of that; and what is for Outlook is no longer
also for Internet Explorer 9, which no mail program has shown mail with for years.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_SEAM = b"<![endif]--><!--[if mso | IE]>"
_GHOST = b"<!--[if mso | IE]>"
_EXACTLY = b"mso-line-height-rule:exactly"  # in the one cell of every ghost table
_END = b"<![endif]-->"
_LAST = b"</td></tr></table>" + _END
_FIRST = re.compile(rb'<!--\[if mso\]>(<table [^>]*>)<tr><td\sstyle="line-height:0px;font-size:0px;%b' % _EXACTLY)


def slim(html: bytes) -> bytes:
    """The same mail, or a part of one, in fewer bytes."""
    return html.replace(_SEAM, b"").replace(_GHOST, b"<!--[if mso]>")


def joined(parts: Sequence[bytes]) -> bytes:
    """A mail of slim parts, slim where they meet too; each begins a line."""
    made, before = [parts[0]], b""
    for part in filter(None, parts[1:]):
        first = _FIRST.match(part)
        if first and made[-1].endswith(_LAST):
            row = first[1] == before
            made[-1] = made[-1][: -len(b"</table>" + _END if row else _END)]
            made.append(part[first.end(1) if row else first.start(1) :])
        else:
            made.append(part)
        alone = part.count(_EXACTLY) == 1  # and so the table it begins with is the one it ends with
        before = first[1] if first and alone else b""
    return b"\n".join(made)
