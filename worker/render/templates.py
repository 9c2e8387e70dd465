"""Jinja for the templates of one theme; and what a template asks for, found in its source, so that nobody has to say it."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from jinja2 import Environment, Template, TemplateError, meta

ANYTHING = frozenset({"plan", "merge"})


class OneTheme(Environment):
    """Every template has the same globals and is loaded once, so plain dicts do for both.

    Jinja looks into the globals all the time and copies them on every render, ten times as slowly from its ChainMap; and it
    asks for what a template extends or imports on every render, each time through a lock.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._loaded: dict[str, Template] = {}

    def get_template(self, name: str | Template, *_: Any, **__: Any) -> Template:
        """The template of that name, compiled; Jinja's other arguments tell apart what is the same here."""
        if isinstance(name, Template):
            return name
        found = self._loaded.get(name)
        if found is None:
            found = self._loaded[name] = super().get_template(name)
        return found

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        """What Jinja looks a template's names up in, where the context holds none."""
        return {**self.globals, **(d or {})}


def asked_for(environment: Environment, name: str) -> set[str]:
    """Every name that a template, or one it extends, includes or imports, takes from what it is given.

    One whose source cannot be read, or that chooses others by name as it runs, is taken to ask for ANYTHING.
    """
    found: set[str] = set()
    seen: set[str] = set()
    open_ = [name]
    while open_:
        at = open_.pop()
        if at in seen:
            continue
        seen.add(at)
        try:
            source, _, _ = environment.loader.get_source(environment, at)  # type: ignore[union-attr]
            tree = environment.parse(source)
        except TemplateError:
            return found | ANYTHING
        found |= meta.find_undeclared_variables(tree)
        for other in meta.find_referenced_templates(tree):
            if other is None:
                return found | ANYTHING
            open_.append(other)
    return found
