"""Which tags and attributes the guard lets through to MRML, and where.

MRML copies an unknown tag as it stands and drops an unknown attribute without a word, so a slip in a template would
reach readers. Left out on purpose: what MRML draws differently from the reference or not at all (mj-carousel,
mj-hero, mj-accordion, mj-navbar, mj-include, mj-html-attributes, mj-preview, `gap`, `gutter`, inline mj-style).
"""

from __future__ import annotations

_PADDING = {"padding", "padding-top", "padding-right", "padding-bottom", "padding-left"}
_BORDER = {"border", "border-top", "border-right", "border-bottom", "border-left", "border-radius"}
_FONT = {"color", "font-family", "font-size", "font-style", "font-weight", "letter-spacing", "line-height"}
_FONT |= {"text-decoration", "text-transform"}
_ANY = {"css-class", "mj-class"}
_BAND = _PADDING | _BORDER | _ANY | {"background-color", "direction", "full-width", "text-align"}
_LINK = {"href", "rel", "target", "title", "name"}

#: Each MJML tag and its attributes.
MJML: dict[str, frozenset[str]] = {
    tag: frozenset(attributes)
    for tag, attributes in {
        "mjml": {"lang", "dir"},
        "mj-head": set[str](),
        "mj-title": set[str](),
        "mj-attributes": set[str](),
        "mj-style": set[str](),
        "mj-raw": set[str](),
        "mj-all": _PADDING | {"font-family"},
        "mj-class": {"name"} | _PADDING | _FONT | _BORDER | {"background-color", "align"},
        "mj-body": {"background-color", "width", "css-class"},
        "mj-wrapper": _BAND,
        "mj-section": _BAND,
        "mj-group": _ANY | {"width", "vertical-align", "background-color", "direction"},
        "mj-column": _PADDING
        | _BORDER
        | _ANY
        | {"width", "vertical-align", "background-color", "inner-background-color", "inner-border-radius", "direction"},
        "mj-text": _PADDING | _FONT | _ANY | {"align", "height", "container-background-color"},
        "mj-button": _PADDING
        | _BORDER
        | _FONT
        | _ANY
        | _LINK
        | {"align", "background-color", "container-background-color", "height", "inner-padding", "width"}
        | {"text-align", "vertical-align"},
        "mj-image": _PADDING
        | _BORDER
        | _ANY
        | _LINK
        | {"align", "alt", "src", "width", "height", "fluid-on-mobile", "container-background-color", "font-size"},
        "mj-divider": _PADDING | _ANY | {"align", "border-color", "border-style", "border-width", "width"},
        "mj-spacer": _PADDING | _ANY | {"height"},
        "mj-table": _PADDING
        | _FONT
        | _ANY
        | {"align", "border", "cellpadding", "cellspacing", "role", "table-layout", "width"},
        "mj-social": _PADDING | _FONT | _ANY | {"align", "icon-size", "mode", "inner-padding", "border-radius"},
        "mj-social-element": _PADDING | _FONT | _ANY | {"alt", "background-color", "href", "name", "src", "target"},
    }.items()
}

_SECTIONS = {"mj-section", "mj-wrapper", "mj-raw"}
_CONTENT = {"mj-text", "mj-image", "mj-button", "mj-divider", "mj-spacer", "mj-table", "mj-social", "mj-raw"}

#: Which tags may stand directly in which; a tag that is not here holds text and HTML.
PARENTS: dict[str, frozenset[str]] = {
    "": frozenset({"mjml"}),
    "mjml": frozenset({"mj-head", "mj-body"}),
    "mj-head": frozenset({"mj-title", "mj-attributes", "mj-style", "mj-raw"}),
    "mj-attributes": frozenset(set(MJML) - {"mjml", "mj-head", "mj-title", "mj-style", "mj-raw", "mj-attributes"}),
    "mj-all": frozenset(),
    "mj-class": frozenset(),
    "mj-body": frozenset(_SECTIONS),
    "mj-wrapper": frozenset({"mj-section", "mj-raw"}),
    "mj-section": frozenset({"mj-column", "mj-group"}),
    "mj-group": frozenset({"mj-column"}),
    "mj-column": frozenset(_CONTENT),
    "mj-image": frozenset(),
    "mj-divider": frozenset(),
    "mj-spacer": frozenset(),
    "mj-social": frozenset({"mj-social-element"}),
    "mj-title": frozenset(),
    "mj-style": frozenset(),
}

#: MJML tags that hold words: text directly in any other one would be copied between table rows.
WORDED = frozenset({"mj-text", "mj-button", "mj-table", "mj-raw", "mj-title", "mj-style", "mj-social-element"})

INLINE = frozenset(
    ["a", "abbr", "b", "br", "code", "em", "i", "img", "s", "small", "span", "strong", "sub", "sup", "u"]
)
VOID = frozenset({"br", "hr", "img", "meta"})

_EVERYWHERE = {"style", "class", "id", "dir", "lang", "role", "title", "aria-label", "aria-hidden"}
_CELL = {"align", "valign", "width", "height", "bgcolor", "colspan", "rowspan", "scope"}

#: Each HTML tag and its attributes. No form, script, frame, video or svg: mail clients strip or distrust them.
HTML: dict[str, frozenset[str]] = {
    tag: frozenset(_EVERYWHERE)
    for tag in [
        "abbr",
        "b",
        "blockquote",
        "br",
        "code",
        "em",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "hr",
        "i",
        "pre",
        "s",
        "small",
        "span",
        "strong",
        "sub",
        "sup",
        "tbody",
        "thead",
        "u",
    ]
} | {
    "div": frozenset(_EVERYWHERE | {"align"}),
    "p": frozenset(_EVERYWHERE | {"align"}),
    "a": frozenset(_EVERYWHERE | {"href", "target", "rel", "clicktracking", "name"}),
    "img": frozenset(_EVERYWHERE | {"src", "alt", "width", "height", "border"}),
    "li": frozenset(_EVERYWHERE | {"value"}),
    "ol": frozenset(_EVERYWHERE | {"start", "type"}),
    "ul": frozenset(_EVERYWHERE | {"type"}),
    "table": frozenset(_EVERYWHERE | {"border", "cellpadding", "cellspacing", "width", "align", "bgcolor"}),
    "tr": frozenset(_EVERYWHERE | {"align", "valign", "bgcolor"}),
    "td": frozenset(_EVERYWHERE | _CELL),
    "th": frozenset(_EVERYWHERE | _CELL),
    "meta": frozenset({"name", "content"}),
}
