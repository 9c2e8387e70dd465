"""The theme: `emails/theme.toml` as values that templates can name. Owns the forms a style of type takes in MJML and CSS.

Colours and fonts are trusted; what is missing or not a number is an error that names the key.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from string import Template
from typing import Any

from markupsafe import Markup

from worker.errors import RenderError
from worker.render.styles import Styles

_NAMED = re.compile(r"\{\{ ((?:light|dark|font|shape|space|text)(?:\.\w+)+) \}\}")

FILE = "emails/theme.toml"
COLOURS = frozenset(
    {"paper", "card", "line", "ink", "soft", "head", "accent", "onaccent", "warm", "warmline"}
    | {"keyword", "string", "comment", "number", "name"},
)
_SHAPES = frozenset({"width", "side", "phone", "radius", "button_radius", "button_high", "button_wide"})
_SHAPES |= {"rule", "heavy", "bar", "alt"}
_SPACES = frozenset({"top", "title", "run", "card", "aside", "inside", "above", "below", "item", "button"})
_SPACES |= {"small", "foot", "end"}


@dataclass(frozen=True, slots=True)
class Type:
    """One style of type. `mj` is the attributes of an <mj-text>, `css` the same for a style attribute, `heading` what of
    it a heading inside such an <mj-text> must say again: clients have sizes and colours of their own for headings.

    `colour` names its colour in [light] and [dark]; `phone` is CSS for narrow screens, empty where nothing differs.
    """

    mj: Markup
    css: Markup
    heading: Markup
    colour: str
    phone: Markup


@dataclass(frozen=True, slots=True)
class Theme:
    """Everything templates may name: `light.ink`, `font.serif`, `shape.width`, `space.card`, `text.title.css`."""

    light: Mapping[str, Markup]
    dark: Mapping[str, Markup]
    font: Mapping[str, Markup]
    shape: Mapping[str, int]
    space: Mapping[str, int]
    text: Mapping[str, Type]
    styles: Styles

    @classmethod
    def of(cls, tables: Mapping[str, Any]) -> Theme:
        """From the file's tables. RenderError names what is missing."""
        try:
            light, dark, font = (_css(tables[name]) for name in ("light", "dark", "font"))
            words = {**light, **font}
            prose = {tag: Template(css).substitute(words) for tag, css in _css(tables["prose"]).items()}
            text = {name: _type(style, light, font) for name, style in tables["text"].items()}
            made = cls(
                light,
                dark,
                font,
                _pixels(tables, "shape"),
                _pixels(tables, "space"),
                text,
                Styles.of(prose, tables["gap"]),
            )
        except (KeyError, ValueError, AttributeError, TypeError) as wrong:
            raise _wrong(f"the theme lacks {wrong}, or it is not what it should be") from None
        for name, table, wanted in (
            ("light", light, COLOURS),
            ("dark", dark, COLOURS),
            ("shape", made.shape, _SHAPES),
            ("space", made.space, _SPACES),
        ):
            if missing := sorted(wanted - set(table)):
                raise _wrong(f"[{name}] lacks {', '.join(missing)}")
        return made

    @property
    def names(self) -> dict[str, Any]:
        """What templates know."""
        return {
            "light": self.light,
            "dark": self.dark,
            "font": self.font,
            "shape": self.shape,
            "space": self.space,
            "text": self.text,
        }

    def written_into(self, template: str) -> str:
        """A template with the theme's values in place of their names: they never change, and Jinja would look each up
        and escape it every time. A name that is not there stays, for Jinja to complain of with its line."""
        return _NAMED.sub(self._value, template)

    def _value(self, name: re.Match[str]) -> str:
        value: Any = self.names
        for part in name[1].split("."):
            value = value.get(part) if isinstance(value, Mapping) else getattr(value, part, None)
        return str(value) if isinstance(value, str | int) else name[0]


def _css(table: Mapping[str, Any]) -> dict[str, Markup]:
    """CSS values of the theme, which is trusted; single quotes, so that they fit into an attribute."""
    return {name: Markup(str(css).replace('"', "'")) for name, css in table.items()}  # noqa: S704


def _pixels(tables: Mapping[str, Any], name: str) -> dict[str, int]:
    for key, value in tables[name].items():
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise _wrong(f"[{name}] {key} is no whole number of pixels: {value!r}")
    return dict(tables[name])


def _type(style: Mapping[str, Any], light: Mapping[str, Markup], font: Mapping[str, Markup]) -> Type:
    written = {
        "font-family": font[style["font"]],
        "font-size": f"{style['size']}px",
        "line-height": f"{style['line']}px",
        "color": light[style["color"]],
    }
    if style.get("bold"):
        written["font-weight"] = "bold"
    if style.get("italic"):
        written["font-style"] = "italic"
    if style.get("caps"):
        written["text-transform"] = "uppercase"
    if spacing := style.get("spacing"):
        written["letter-spacing"] = spacing
    again = ("font-size", "line-height", "color", "letter-spacing")
    narrow = ""
    if "phone_size" in style:
        narrow = f"font-size:{style['phone_size']}px !important;line-height:{style['phone_line']}px !important"
    return Type(
        mj=Markup(" ".join(f'{key}="{value}"' for key, value in written.items())),  # noqa: S704
        css=Markup(";".join(f"{key}:{value}" for key, value in written.items())),  # noqa: S704
        heading=Markup(";".join(f"{key}:{written[key]}" for key in again if key in written)),  # noqa: S704
        colour=style["color"],
        phone=Markup(narrow),  # noqa: S704
    )


def _wrong(what: str) -> RenderError:
    return RenderError(
        what, file=FILE, fix="docs/designing.md lists what the theme holds; compare it with a new project's"
    )
