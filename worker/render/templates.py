"""What a template asks for: found in its source, so that nobody has to say it beside it."""

from __future__ import annotations

from jinja2 import Environment, TemplateError, meta

ANYTHING = frozenset({"plan", "merge"})


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
