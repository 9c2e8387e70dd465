"""One input of the fuzzer: a body, a reader's name, and what is known of it. The same seed and number give the same one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

from tests.support.fuzz.grammar import WORDS, address, document, tag

PROJECT = Path(__file__).resolve().parents[3]
KINDS = {"grammar": 45, "mutated": 33, "unicode": 12, "deep": 6, "long": 4}  # shares of a hundred
LONGEST = 20_000  # characters

# Somebody's names: markup, quotes, braces, line breaks, directions, placeholders, JSON, template languages.
NAMES = [
    *("Noor", "", "李小龙", "Zoë", "O’Neil", "Anaïs Müller", "محمد", "x" * 100, "👩🏽‍🌾", "e\u0301"),
    *(
        "<b>Bo</b>",
        '"><img/src=x/onerror=alert(1)>',
        "</a></td></table>",
        "'onload='x",
        "<!--",
        "-->",
        "<![endif]-->",
        "&lt;&#60;",
    ),
    *(
        "{first_name}",
        "{{7*7}}",
        "{%raw%}",
        "-bs00h-",
        "bs00h-",
        "-bs",
        "<%asm_group_unsubscribe_url%>",
        "%3Cb%3E",
        "$x",
        "\\",
        '\\"',
    ),
    *(
        "a\r\nBcc:b@example.com",
        "a\nb",
        "\u202eevil",
        "\u2066a",
        "\u200f",
        "a\u2028b",
        "\x00\x1b[31m",
        "\ud800",
        "\ufeff",
        "=HYPERLINK(1)",
    ),
]


@dataclass(frozen=True)
class Input:
    """`well_formed`: from the grammar and unmutated, so that what is meant to be paid is."""

    number: int
    kind: str
    body: str
    name: str
    well_formed: bool


def make_input(seed: str, number: int) -> Input:
    """The input of that number."""
    random = Random(f"{seed}:{number}")
    kind = random.choices(list(KINDS), weights=list(KINDS.values()))[0]
    body = {"grammar": document, "mutated": _mutated, "unicode": _unicode, "deep": _deep, "long": _long}[kind](random)
    name = random.choice(NAMES)
    if random.random() < 0.3:
        name = "".join(random.choice((random.choice(NAMES), chr(_point(random)))) for _ in range(3))[:100]
    return Input(number, kind, body[:LONGEST], name, kind == "grammar")


def _mutated(random: Random) -> str:
    """A piece of somebody's text with a few places changed."""
    text = random.choice(_corpus())
    if len(text) > 1_500:
        at = random.randrange(len(text) - 1_000)
        text = text[at : at + random.randint(50, 1_000)]
    for _ in range(random.randint(1, 6)):
        at, piece = random.randrange(len(text) + 1), random.choice((random.choice(WORDS), tag(random), _piece(random)))
        match random.randrange(5):
            case 0:
                text = text[:at] + piece + text[at:]
            case 1:
                text = text[:at] + text[at + random.randint(1, 10) :]
            case 2:
                text = text[:at] + text[at : at + 20] * random.randint(2, 4) + text[at + 20 :]
            case 3:
                text = text[:at] + piece + text[at + len(piece) :]
            case _:
                other = random.choice(_corpus())[:400]
                text = text[:at] + random.choice(("\n", "\n\n", "")) + other + text[at:]
    return text


def _unicode(random: Random) -> str:
    """Anything that has a code point, between marks that mean something."""
    made = []
    for _ in range(random.randint(1, 120)):
        draw = random.random()
        made.append(
            chr(_point(random))
            if draw < 0.7
            else random.choice((" ", "\n", "*", "[", "](", ")", "`", "<", ">", "&", "|", "{", "}"))
        )
    return "".join(made)


def _point(random: Random) -> int:
    """A code point; one of those that are refused comes seldom, or nothing else would be seen."""
    return random.randint(*random.choice(_REFUSED if random.random() < 0.002 else _RANGES))


_REFUSED = ((0, 0x08), (0x0B, 0x1F), (0x7F, 0x9F), (0xD800, 0xDFFF), (0xFFFE, 0xFFFF))
_RANGES = (
    (0x20, 0x7E),
    (0xA0, 0x24F),
    (0x300, 0x36F),
    (0x590, 0x6FF),
    (0x900, 0xE7F),
    (0x2000, 0x206F),
    (0x20D0, 0x20FF),
)
_RANGES += (
    (0x3000, 0x9FFF),
    (0xFE00, 0xFE0F),
    (0xFFF0, 0xFFFD),
    (0x10000, 0x10010),
    (0x1F000, 0x1FAFF),
    (0xE0000, 0xE01EF),
)


def _deep(random: Random) -> str:
    """Nesting far beyond what anybody writes."""
    mark, end = random.choice(
        (
            *(
                ("> ", ""),
                ("- ", ""),
                ("1. ", ""),
                ("*", "*"),
                ("**", "**"),
                ("_", "_"),
                ("[", "](x)"),
                ("![", "](x)"),
                ("`", "`"),
            ),
            *(
                ("~~", "~~"),
                ("(", ")"),
                ("<", ">"),
                ("{", "}"),
                ("::: card\n", "\n:::"),
                ("> - ", ""),
                ("\\", ""),
                ("*_", "_*"),
                ("[^", "]"),
            ),
        )
    )
    count = random.choice((5, 13, 17, 40, 120, 800, 5_000))
    return (mark * count)[: LONGEST // 2] + random.choice(WORDS) + (end * count)[: LONGEST // 2]


def _long(random: Random) -> str:
    """Very long lines, words, addresses and tables."""
    word = random.choice(WORDS)
    length = random.choice((1_000, 4_000, 12_000)) // len(word)
    return random.choice(
        (
            word * length,
            f"{word} " * length,
            f"[x](https://a.example.com/{'y' * length})",
            f"![{word * length}](https://a.example.com/x.png)",
            f"`{word * length}`",
            "a|" * min(length, 500) + "\n" + "-|" * min(length, 500) + "\n" + "b|" * min(length, 500),
            f"::: card {word * length}\nx\n:::",
            f"# {word * length}",
            "\n".join(f"[^{at}]" for at in range(min(length, 300))),
        )
    )


def _piece(random: Random) -> str:
    return random.choice(
        (
            *(
                ":::",
                "::: paid\n",
                "\n:::\n",
                "```",
                "~~~",
                "\n\n",
                "  \n",
                "\t",
                "---",
                "|",
                "[^1]",
                "[^1]: x\n",
                "- [x] ",
                "&#0;",
                "&#x202e;",
            ),
            *(
                "<script>",
                "]]>",
                "\r",
                "\x0b",
                "\u0085",
                "\U000e0061",
                address(random),
                "![x](y.svg)",
                "<!DOCTYPE>",
                "&nosuch;",
                "\\&amp;",
            ),
        )
    )


@cache
def _corpus() -> list[str]:
    """The project's own texts, and the examples of the CommonMark specification where the tests' package ships them."""
    found = [
        path.read_text(encoding="utf-8").split("\n---\n", 1)[-1] for path in sorted((PROJECT / "content").rglob("*.md"))
    ]
    examples = PROJECT / ".venv" / "mail-tools" / "commonmark.json"
    if examples.exists():
        found += [one["markdown"] for one in json.loads(examples.read_text(encoding="utf-8"))]
    return found
