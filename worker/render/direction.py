"""Which way words are read: the direction of a language, and of a run of words by its first letter that has one.

The rule is the one of browsers for `dir="auto"` (Unicode Bidirectional Algorithm, P2 and P3), worked out here because
mail clients do not all know `auto`.
"""

from __future__ import annotations

import re
import unicodedata

LTR, RTL = "ltr", "rtl"

_LANGUAGES = {"ar", "arc", "ckb", "dv", "fa", "he", "iw", "khw", "ks", "nqo", "ps", "sd", "syr", "ug", "ur", "yi"}
_SCRIPTS = {"adlm", "arab", "aran", "hebr", "mand", "nkoo", "rohg", "syrc", "thaa"}
#: Every block of a script that is written from right to left; what is none of these needs no closer look.
_FROM_RIGHT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]")
_LETTER = re.compile(r"[^\W\d_]")


def direction_of_language(language: str) -> str:
    """`rtl` or `ltr` for a BCP 47 tag; a script subtag (`az-Arab`) decides over the language."""
    first, *rest = language.lower().split("-")
    script = next((part for part in rest if len(part) == 4 and part.isalpha()), "")
    if script:
        return RTL if script in _SCRIPTS else LTR
    return RTL if first in _LANGUAGES else LTR


def direction_of(words: str) -> str:
    """`rtl`, `ltr`, or an empty string where no letter tells."""
    if not _FROM_RIGHT.search(words):
        return LTR if _LETTER.search(words) else ""
    for letter in words:
        match unicodedata.bidirectional(letter):
            case "L":
                return LTR
            case "R" | "AL":
                return RTL
    return ""
