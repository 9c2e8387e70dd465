"""The formats an import knows, and how the header of a file tells which one it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from worker.errors import SourceError
from worker.usecases.import_formats import beehiiv, broadsheet, buttondown, ghost, kit, listmonk, mailchimp, substack
from worker.usecases.import_formats.form import Format, Header
from worker.usecases.import_formats.plain import plain_format

#: In the order they are asked: ours first, and those that are told by the fewest columns last.
KNOWN: tuple[Format, ...] = (
    *broadsheet.FORMATS,
    *mailchimp.FORMATS,
    *buttondown.FORMATS,
    *substack.FORMATS,
    *ghost.FORMATS,
    *listmonk.FORMATS,
    *beehiiv.FORMATS,
    *kit.FORMATS,
)


def recognise(header: Header, mapping: Mapping[str, str] | None = None) -> Format | None:
    """The format of a file with this header; with a mapping it is a plain CSV, whoever wrote it. None: not known."""
    known = () if mapping else KNOWN
    return next((one for one in (*known, plain_format(mapping)) if one.fits(header)), None)


def require_columns_once(form: Format, header: Header, line: int) -> None:
    """Raises SourceError where a column that is read is there twice: which of them counts is not for us to say."""
    twice = [name for name, times in Counter(header.names).items() if times > 1 and name in form.uses]
    if twice:
        raise SourceError(
            f"the column {twice[0]} is there twice", file=header.file, line=line, fix="remove or rename one of them"
        )
