"""A hash of plain values, whatever they are nested in: different values, different hashes. Knows nothing of what they mean."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, time, timedelta, tzinfo
from enum import Enum
from typing import Any


def digest_of(value: Any) -> str:
    """SHA-256 as 64 hex digits, of dataclasses, mappings, sequences, sets, enums, dates, numbers and text.

    Raises TypeError for a value whose parts it does not know: better no hash than one that leaves something out.
    """
    written: list[str] = []
    _write(value, written.append)
    return hashlib.sha256("".join(written).encode("utf-8", "surrogatepass")).hexdigest()


def _write(value: Any, add: Callable[[str], object]) -> None:
    """Every value with its type and length, so that no two different values are written alike."""
    kind = type(value)
    if kind is str:
        add(f"s{len(value)}:{value}")
    elif value is None or kind in (bool, int, float):
        add(f"{kind.__name__}:{value!r};")
    elif isinstance(value, Enum):
        add(f"e{kind.__qualname__}.{value.name};")
    elif isinstance(value, date | time | timedelta | tzinfo):
        add(f"t{kind.__name__}:{value!r};")
    elif is_dataclass(value):
        add(f"d{kind.__qualname__}(")
        for one in fields(value):
            add(f"{one.name}=")
            _write(getattr(value, one.name), add)
        add(")")
    elif isinstance(value, Mapping):
        add(f"m{len(value)}:")
        for key, inner in value.items():
            _write(key, add)
            _write(inner, add)
    elif isinstance(value, tuple | list):
        add(f"l{len(value)}:")
        for inner in value:
            _write(inner, add)
    elif isinstance(value, frozenset | set):
        parts: list[str] = []
        for inner in value:
            each: list[str] = []
            _write(inner, each.append)
            parts.append("".join(each))
        add(f"f{len(parts)}:{''.join(sorted(parts))}")
    else:
        raise TypeError(f"a {kind.__qualname__} has no place in a hash")
