"""Referral codes: short, easy to say, and so made that one mistyped letter, or two swapped ones, never make another's code.

Nine letters of an alphabet without look-alikes: eight drawn (40 bits, for a code names a person) and one that checks them.
Codes that are older, or came with an import, may look like anything; only a look into the list says whether one is somebody's.
"""

from __future__ import annotations

import base64
import secrets

#: Crockford's 32 letters: no i, l, o or u, so nothing to misread aloud and few words one would not want in a link.
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
LENGTH = 9
_LETTERS = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", ALPHABET.encode())
_MISREAD = str.maketrans("ilo", "110")
_VALUES = {letter: value for value, letter in enumerate(ALPHABET)}


def _times(left: int, right: int) -> int:
    """Multiplication in the field of 32 elements: polynomials over GF(2), modulo x^5 + x^2 + 1."""
    product = 0
    for bit in range(5):
        if right >> bit & 1:
            product ^= left << bit
    for bit in range(8, 4, -1):
        if product >> bit & 1:
            product ^= 0b100101 << (bit - 5)
    return product


def _weights() -> list[dict[str, int]]:
    """For each drawn letter's place, what each letter adds to the check.

    The places have the weights x, x^2, ... x^8 and the check itself 1. All differ and none is 0, so a sum of products
    changes whenever one letter does, and whenever two different letters change places, wherever they stand.
    """
    made, weight = [], 1
    for _ in range(LENGTH - 1):
        weight = _times(weight, 2)
        made.append({letter: _times(weight, value) for letter, value in _VALUES.items()})
    return made


_WEIGHTS = _weights()


def draw_code() -> str:
    """A new code at random."""
    drawn = base64.b32encode(secrets.token_bytes(5)).translate(_LETTERS).decode()
    return drawn + check_letter(drawn)


def check_letter(drawn: str) -> str:
    """The letter that goes behind these eight."""
    total = 0
    for weights, letter in zip(_WEIGHTS, drawn, strict=True):
        total ^= weights[letter]
    return ALPHABET[total]


def as_typed(code: str) -> tuple[str, ...]:
    """How a code may stand in the list: as it was typed, then as it is meant where somebody wrote capitals, or o for 0."""
    typed = code.strip()
    meant = typed.lower().translate(_MISREAD)
    return (typed,) if typed == meant else (typed, meant)


def is_mistyped(code: str) -> bool:
    """Whether this has the form of a code of ours and its last letter does not fit: it is nobody's, and never was."""
    meant = as_typed(code)[-1]
    if len(meant) != LENGTH or not all(letter in _VALUES for letter in meant):
        return False
    return check_letter(meant[:-1]) != meant[-1]
