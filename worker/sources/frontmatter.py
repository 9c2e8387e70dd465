"""Front matter: the YAML between two lines `---`, read as text alone, every key with its line.

YAML's own types are switched off: to it 09:00 is the number 540, `no` is false and a title such as 2026-11-16 is
a date. What is a number or a date is decided by the key that holds it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from worker.errors import SourceError
from worker.sources.files import is_https, read_text

Value = str | Mapping[str, str] | tuple[str, ...]
Nested = str | Mapping[str, "Nested"] | list["Nested"]

_LISTS = frozenset({"silence"})  # keys that may hold a list
_RULES = frozenset({"only_if", "stop_if"})  # keys that may hold a rule, of any depth a rule may have
_DEEPEST = 20

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class Sheet:
    """One Markdown file, taken apart. `lines` maps each key to its line in the file (from 1)."""

    file: str
    values: Mapping[str, Value]
    lines: Mapping[str, int]
    body: str
    body_line: int
    rules: Mapping[str, Nested] = field(default_factory=dict)

    @classmethod
    def read(cls, project: Path, path: Path, known: Set[str]) -> Sheet:
        """Read a file whose front matter may hold the known keys."""
        text, file = read_text(project, path)
        lines = text.split("\n")
        if not text.strip():
            raise SourceError("the file is empty", file=file, fix="start with front matter between two lines ---")
        if lines[0].rstrip() != "---":
            raise SourceError("no front matter", file=file, line=1, fix="make the first line ---")
        end = next((n for n, line in enumerate(lines[1:], start=1) if line.rstrip() in ("---", "...")), None)
        if end is None:
            raise SourceError(
                "the front matter does not end", file=file, line=1, fix="put a line --- between it and the text"
            )
        values, at, rules = _mapping("\n".join(lines[1:end]), file)
        for key in (*values, *rules):
            if key not in known:
                fix = f"use one of: {', '.join(sorted(known))}"
                raise SourceError(f"{key!r} is no key Broadsheet knows", file=file, line=at[key], fix=fix)
        return cls(file, values, at, "\n".join(lines[end + 1 :]), end + 2, rules)

    def wrong(self, key: str, what: str, fix: str) -> SourceError:
        """An error about a key."""
        return SourceError(f"{key} {what}", file=self.file, line=self.lines.get(key, 1), fix=fix)

    def string(self, key: str, default: str | None = None) -> str:
        """One line of text; without a default it must be there and not be empty."""
        value = self.values.get(key, default)
        if not isinstance(value, str):
            what = "is missing" if value is None else "must be text"
            raise self.wrong(key, what, f'add {key}: "..." to the front matter')
        if "\n" in value.strip():
            raise self.wrong(key, "must stand on one line", "take the line break out")
        if default is None and not value.strip():
            raise self.wrong(key, "is empty", f'write {key}: "..."')
        return value.strip()

    def url(self, key: str) -> str:
        """An https address, or an empty string."""
        value = self.string(key, "")
        if value and not is_https(value):
            raise self.wrong(key, f"is not an https address: {value!r}", f"write {key}: https://...")
        return value

    def strings(self, key: str) -> tuple[str, ...]:
        """A list of words, or one word; empty where it is missing."""
        value = self.values.get(key, ())
        words = (value,) if isinstance(value, str) else tuple(value)
        return tuple(word.strip() for word in words if word.strip())

    def table(self, key: str, known: Set[str]) -> Mapping[str, str]:
        """A mapping of text to text with known keys; empty where it is missing."""
        value = self.values.get(key, {})
        if not isinstance(value, Mapping):
            raise self.wrong(key, "must be a mapping", f"write {key}: {{{', '.join(sorted(known))}: ...}}")
        for name in value:
            if name not in known:
                raise self.wrong(key, f"has no {name!r}", f"use one of: {', '.join(sorted(known))}")
        return value

    def identity(self) -> str:
        """The stable `id`, which keys the mailing for good."""
        value = self.string("id")
        if not _ID.fullmatch(value):
            raise self.wrong("id", f"is not usable: {value!r}", "use letters, digits, . _ and -, at most 64")
        return value


def _mapping(source: str, file: str) -> tuple[dict[str, Value], dict[str, int], dict[str, Nested]]:
    try:
        node = yaml.compose(source, Loader=yaml.BaseLoader)
    except yaml.YAMLError as wrong:
        mark = getattr(wrong, "problem_mark", None)
        what = getattr(wrong, "problem", None) or "it is not YAML"
        raise SourceError(
            f"the front matter cannot be read: {what}",
            file=file,
            line=mark.line + 2 if mark else 1,
            fix='put text that holds a colon or begins with a sign in quotes: title: "Why: a story"',
        ) from None
    except RecursionError:
        raise SourceError(
            "the front matter is nested too deep", file=file, line=2, fix="write plain text there"
        ) from None
    if node is None:
        return {}, {}, {}
    if not isinstance(node, yaml.MappingNode):
        raise SourceError("the front matter holds no keys", file=file, line=2, fix='write lines such as title: "..."')
    values: dict[str, Value] = {}
    lines: dict[str, int] = {}
    rules: dict[str, Nested] = {}
    for key, value in node.value:
        line = key.start_mark.line + 2
        name = _scalar(key, file)
        if name in lines:
            raise SourceError(f"{name!r} is there twice", file=file, line=line, fix="keep one")
        lines[name] = line
        if name in _RULES:
            rules[name] = _nested(value, file, _DEEPEST)
        else:
            values[name] = _value(name, value, file)
    return values, lines, rules


def _value(name: str, node: yaml.Node, file: str) -> Value:
    if isinstance(node, yaml.MappingNode):
        return {_scalar(key, file): _scalar(value, file) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode) and name in _LISTS:
        return tuple(_scalar(one, file) for one in node.value)
    if isinstance(node, yaml.SequenceNode):
        line = node.start_mark.line + 2
        raise SourceError(f"{name} is a list", file=file, line=line, fix="write text, or {name: value, ...}")
    return _scalar(node, file)


def _nested(node: yaml.Node, file: str, left: int) -> Nested:
    if left and isinstance(node, yaml.MappingNode):
        return {_scalar(key, file): _nested(value, file, left - 1) for key, value in node.value}
    if left and isinstance(node, yaml.SequenceNode):
        return [_nested(one, file, left - 1) for one in node.value]
    return _scalar(node, file)


def _scalar(node: yaml.Node, file: str) -> str:
    if not isinstance(node, yaml.ScalarNode):
        raise SourceError(
            "the front matter is nested too deep",
            file=file,
            line=node.start_mark.line + 2,
            fix="write plain text there",
        )
    return str(node.value)
