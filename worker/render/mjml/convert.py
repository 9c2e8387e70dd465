"""MJML to HTML: guard, MRML, leak check, slimming. The only caller of mjml2html.

MRML holds the interpreter's lock and can take its process with it, so this runs in a worker's work-horse or in a
child process, never inside the web server.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from mjml import mjml2html

from worker.errors import RenderError
from worker.render.mjml.fold import fold
from worker.render.mjml.guard import SEAM, Guarded, guard
from worker.render.mjml.sections import in_sections
from worker.render.mjml.slim import slim
from worker.render.shared import Shared

#: What is done to finished HTML, in which SEAM may stand between two sections.
Finish = Callable[[bytes], bytes]

_POSITION = re.compile(r"(\d+)\.\.(\d+)|position (\d+)")


def to_html(mjml: str, file: str) -> str:
    """The finished HTML of a trusted MJML source. RenderError with `file` and the author's line where it can be told."""
    return to_bytes([mjml], file, Shared()).decode()


def to_bytes(mjml: Sequence[str], file: str, shared: Shared, finish: Finish = lambda html: html) -> bytes:
    """The same in UTF-8, for what goes on with it: one emoji makes every letter of a str four times as large.

    `mjml` in its parts, as guard() takes them; `shared` holds sections of another edition; `finish` is done to the HTML
    before its lines are broken.
    """
    return in_sections(mjml, lambda parts: _drawn(parts, file, finish), shared)


def _drawn(mjml: Sequence[str], file: str, finish: Finish) -> list[bytes]:
    guarded = guard(mjml, file)
    try:
        # fonts={} keeps MRML from adding a link to Google's fonts for stacks with Roboto in them.
        html = mjml2html(guarded.source, disable_comments=True, fonts={})
    except ValueError as wrong:
        raise _refused(guarded, file, str(wrong)) from None
    except BaseException as wrong:
        if type(wrong).__module__ != "pyo3_runtime":  # PanicException is no Exception, and cannot be imported
            raise
        raise _refused(guarded, file, "MRML gave up") from None
    drawn = slim(html.encode())
    refuse_leaks(drawn, file)
    drawn = finish(drawn)
    parts = drawn.split(SEAM.encode()) if guarded.in_body else [drawn.replace(SEAM.encode(), b"")]
    return [fold(part) for part in parts]


def refuse_leaks(html: bytes, file: str) -> None:
    """RenderError where HTML shows a trace of MRML's faults. The guard lets no backslash through, so any one is theirs."""
    found = ""
    if b"\\" in html:
        found = "a backslash of MRML's own"
    elif b"<mj-" in html or b"</mj-" in html:
        found = "an MJML tag that was not rendered"
    elif html.count(b"<!--[if") != html.count(b"<![endif]"):
        found = "conditional comments that do not pair"
    if found:
        fix = "look at the templates in emails/: something there is not MJML as MRML knows it"
        raise RenderError(f"the finished HTML holds {found}", file=file, fix=fix)


def _refused(guarded: Guarded, file: str, why: str) -> RenderError:
    where = _POSITION.search(why)
    byte = int(where[1] or where[3]) if where else -1
    line = guarded.line_at(byte) if byte >= 0 else None
    return RenderError(f"MRML cannot render this: {why}", file=file, line=line, fix="change the block on that line")
