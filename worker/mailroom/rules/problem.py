"""What a rule finds, and the few questions several rules ask. Knows no rule."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, TypeGuard

#: Longest address SendGrid takes, in characters (its errors catalogue).
ADDRESS_CHARS = 320

# dot-atom @ host name, as `format: email` of the official OpenAPI reads RFC 5321: ASCII, a local part of at most 64
# characters, labels of at most 63. Quoted local parts and address literals are legal there and refused here: what
# SendGrid does with them is not documented, and no reader has one.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]++"
_LABEL = r"(?!-)[A-Za-z0-9-]{1,63}+(?<!-)"
ADDRESS_PATTERN = rf"(?=[^@\n]{{1,64}}@[^@\n]{{1,253}}(?![^\n])){_ATOM}(?:\.{_ATOM})*+@{_LABEL}(?:\.{_LABEL})*+"
_ADDRESS = re.compile(ADDRESS_PATTERN)

RESERVED_HEADERS = frozenset(
    # Official OpenAPI, description of `headers`; compared without case.
    (
        "x-sg-id",
        "x-sg-eid",
        "received",
        "dkim-signature",
        "content-type",
        "content-transfer-encoding",
        "to",
        "from",
        "subject",
        "reply-to",
        "cc",
        "bcc",
    )
)
HEADER_NAME = re.compile(r"[\x21-\x39\x3b-\x7e]+")  # RFC 5322: printable ASCII without space and colon


class Problem(NamedTuple):
    """One entry of `errors`. `field` is a dotted path with numbers from 0, or None for the whole request."""

    message: str
    field: str | None


def is_address(value: Any) -> TypeGuard[str]:
    """Whether SendGrid would take this as an e-mail address."""
    return isinstance(value, str) and _ADDRESS.fullmatch(value) is not None


def is_integer(value: Any) -> bool:
    """A JSON integer; true and false are none, nor is 1.0."""
    return isinstance(value, int) and not isinstance(value, bool)


def mailbox(value: Any, field: str, *, breaks: str = "") -> Iterator[Problem]:
    """Problems of an object with `email` and perhaps `name`; `breaks` are characters its name must not hold."""
    if not isinstance(value, dict):
        yield Problem("must be an object with an email", field)
        return
    if not is_address(value.get("email")):
        yield Problem("Does not contain a valid address.", f"{field}.email")
    name = value.get("name", "")
    if not isinstance(name, str):
        yield Problem("the name must be a string", f"{field}.name")
    elif any(character in name for character in breaks):
        yield Problem("the name must not hold a comma, a semicolon or a line break", f"{field}.name")


def strings(value: Any, field: str, *, empty_allowed: bool = False) -> Iterator[Problem]:
    """Problems of an object whose values must all be strings."""
    if not isinstance(value, dict):
        yield Problem("must be an object", field)
        return
    if not value and not empty_allowed:
        yield Problem("must not be an empty object; leave it out instead", field)
    for key, inner in value.items():
        if not isinstance(inner, str):
            yield Problem("the value must be a string", f"{field}.{key}")


def headers(value: Any, field: str) -> Iterator[Problem]:
    """Problems of a `headers` object, at either level."""
    yield from strings(value, field)
    if not isinstance(value, dict):
        return
    seen: set[str] = set()
    for name, inner in value.items():
        place, lower = f"{field}.{name}", name.lower()
        if not HEADER_NAME.fullmatch(name):
            yield Problem("a header's name must be printable ASCII without spaces", place)
        if lower in RESERVED_HEADERS:
            yield Problem("this header is reserved", place)
        if lower in seen:
            yield Problem("a header may occur once only", place)
        if isinstance(inner, str) and ("\r" in inner or "\n" in inner):
            yield Problem("a header's value must not hold a line break", place)
        seen.add(lower)


def byte_size(values: Mapping[Any, Any]) -> int:
    """UTF-8 bytes of the keys and the string values together."""
    return sum(
        len(part.encode("utf-8", "surrogatepass")) for pair in values.items() for part in pair if isinstance(part, str)
    )
