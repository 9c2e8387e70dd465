"""Code in colours: a fenced block with a language becomes runs of five kinds, which the theme colours.

Pygments reads the language; how a kind looks is emails/theme.toml's business, so that dark mode can change it too.
Nothing here may fail: an unknown language, or more code than anybody reads in a mail, stays as it is.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pygments.lexer import Lexer
    from pygments.token import _TokenType

#: Characters beyond which code stays plain: Pygments is slow, and this is a third of what Gmail shows of a mail.
LIMIT = 32_768

Run = tuple[str, str]  # a kind (empty: plain) and the characters of it


@lru_cache(maxsize=64)
def runs_of(language: str, code: str) -> tuple[Run, ...]:
    """The code cut into runs; joined they are the code, character by character."""
    lexer = _lexer(language) if language and len(code) <= LIMIT else None
    if lexer is None:
        return (("", code),)
    runs: list[Run] = []
    for token, characters in lexer.get_tokens(code):
        kind = "" if characters.isspace() else _kind(token)
        if runs and (runs[-1][0] == kind or characters.isspace()):
            runs[-1] = (runs[-1][0], runs[-1][1] + characters)
        else:
            runs.append((kind, characters))
    return tuple(runs) if "".join(characters for _, characters in runs) == code else (("", code),)


def _lexer(language: str) -> Lexer | None:
    # Imported where it is first needed: it takes 40 ms and 10 MB, and most letters hold no code.
    from pygments.lexers import get_lexer_by_name  # noqa: PLC0415
    from pygments.util import ClassNotFound  # noqa: PLC0415

    try:
        return get_lexer_by_name(language.lower(), stripnl=False, ensurenl=False, stripall=False)
    except ClassNotFound:
        return None


def _kind(token: _TokenType) -> str:
    from pygments.token import Comment, Keyword, Literal, Name, Number, Operator  # noqa: PLC0415

    if token in Comment:
        return "comment"
    if token in Keyword or token in Operator.Word:
        return "keyword"
    if token in Number:
        return "number"
    if token in Literal:
        return "string"
    if token in Name.Function or token in Name.Class or token in Name.Tag or token in Name.Builtin:
        return "name"
    return ""
