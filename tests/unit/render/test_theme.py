"""The theme: words can be read on their ground in light and in dark, and a slip in it is named."""

from __future__ import annotations

import copy
import re
from itertools import product

import pytest

from tests.support.rendering import PROJECT
from worker import sources
from worker.errors import RenderError
from worker.render.layout import Templates

THEME = sources.read_theme(PROJECT)
GROUNDS = ("paper", "card", "warm")
WORDS = ("ink", "soft", "head", "accent")


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    assert re.fullmatch(r"#[0-9a-f]{6}", colour), colour
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_worked_out_as_wcag_does() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)  # the known grey that just fails


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_words_can_be_read_on_every_ground(scheme: str) -> None:
    colours = THEME[scheme]
    pairs = {*product(WORDS, GROUNDS), ("onaccent", "accent")}
    poor = {pair: contrast(colours[pair[0]], colours[pair[1]]) for pair in pairs}
    assert {pair: round(ratio, 2) for pair, ratio in poor.items() if ratio < 4.5} == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_marks_that_mean_something_stand_out(scheme: str) -> None:
    colours = THEME[scheme]
    for mark, ground in (("accent", "card"), ("accent", "line"), ("warmline", "warm"), ("head", "paper")):
        assert contrast(colours[mark], colours[ground]) >= 3, (mark, ground)  # WCAG 2.2, 1.4.11


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_pure_white_or_black(scheme: str) -> None:
    assert not {"#ffffff", "#000000"} & set(THEME[scheme].values())


def test_every_font_list_ends_in_a_generic_name() -> None:
    assert {stack.rpartition(",")[2].strip() for stack in THEME["font"].values()} <= {
        "serif",
        "sans-serif",
        "monospace",
    }


def test_the_letter_is_at_most_640_wide_and_buttons_at_least_44_high() -> None:
    assert THEME["shape"]["width"] <= 640  # R26
    assert 2 * THEME["shape"]["button_high"] + THEME["text"]["button"]["line"] >= 44


def test_templates_hold_no_colour_and_no_size_of_type_of_their_own() -> None:
    slips = {
        name: found
        for name, text in sources.read_templates(PROJECT).items()
        if (found := re.findall(r"#[0-9a-fA-F]{6}\b|font-size[:=]\"?[1-9]\d*px|line-height[:=]\"?[1-9]\d*px", text))
    }
    assert slips == {}


@pytest.mark.parametrize(
    ("table", "key", "value"),
    [
        ("light", "ink", None),
        ("dark", "paper", None),
        ("shape", "width", "wide"),
        ("space", "card", -1),
        ("shape", "rule", None),
    ],
)
def test_what_the_theme_lacks_or_has_wrong_is_named(table: str, key: str, value: object) -> None:
    theme = copy.deepcopy(THEME)
    if value is None:
        del theme[table][key]
    else:
        theme[table][key] = value
    with pytest.raises(RenderError, match=key) as caught:
        Templates(sources.read_templates(PROJECT), theme)
    assert caught.value.file == "emails/theme.toml"


def test_a_style_of_type_with_an_unknown_font_or_colour_is_named() -> None:
    for key in ("font", "color"):
        theme = copy.deepcopy(THEME)
        theme["text"]["title"][key] = "nope"
        with pytest.raises(RenderError, match="nope"):
            Templates(sources.read_templates(PROJECT), theme)


def test_a_template_that_names_what_the_theme_has_not_says_which() -> None:
    found = dict(sources.read_templates(PROJECT))
    found["blocks/about.mjml.j2"] = "\n{{ text.nope.mj }}"
    with pytest.raises(RenderError, match="nope") as caught:
        Templates(found, THEME).render("blocks/about.mjml.j2", {})
    assert (caught.value.file, caught.value.line) == ("emails/blocks/about.mjml.j2", 2)
