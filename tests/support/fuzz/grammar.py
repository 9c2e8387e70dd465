"""Markdown from all blocks and inline kinds, at random. Well formed: every fence and container is closed again.

Whatever stands in a paid part holds the word PAID, which nothing for free readers may say.
"""

from __future__ import annotations

import re
from random import Random

PAID = "canaryword"  # never written outside paid parts

WORDS = [
    *(
        "a",
        "the",
        "letter",
        "of",
        "quiet",
        "weeks",
        "and",
        "x",
        "I",
        "42",
        "it’s",
        "—",
        "…",
        "é",
        "ñandú",
        "naïve",
        "ﬁ",
    ),
    *(
        "日本語",
        "한국어",
        "Здравствуй",
        "שלום",
        "مرحبا",
        "हिन्दी",
        "ภาษาไทย",
        "👩🏽‍🌾",
        "🍂",
        "👨‍👩‍👧‍👦",
        "❤️",
        "🏴󠁧󠁢󠁳󠁣󠁴󠁿",
        "e\u0301",
    ),
    *(
        "<b>",
        "</div>",
        "<!--",
        "-->",
        "&",
        "&amp;",
        "&lt;",
        "a > b",
        "é >",
        "”>",
        "日本>",
        "<![endif]-->",
        "]]>",
        "{{ x }}",
        "{% if %}",
    ),
    *(
        "\\",
        "\\u{200d}",
        "\\n",
        '"',
        "'",
        "`",
        "*",
        "_",
        "~",
        "[",
        "]",
        "(",
        ")",
        "{",
        "}",
        "|",
        "#",
        "=",
        "-",
        "+",
        "1.",
        ":::",
        "$x",
        "<%x%>",
    ),
    *(
        "\u00a0",
        "\u200d",
        "\ufe0f",
        "\u00ad",
        "\u202e",
        "\u2066",
        "\u200f",
        "\u200b",
        "\u2028",
        "\ufeff",
        "-bs",
        "bs00",
        "http:",
        "www.x.test",
    ),
    *(
        "loooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooong",
        "https://a.example.com/" + "p/" * 60,
    ),
]
TAGS = [
    *(
        "{first_name|there}",
        "{first_name|friend}",
        "{referral_count|no}",
        "{referral_count}",
        "{referral_link}",
        "{manage_link}",
    ),
    *("{unsubscribe_link}", "{first_name|“A” & <b>}", "{first_name|\u202e}", "\\{first_name}", "{{first_name}}"),
]
ADDRESSES = [
    *(
        "https://a.example.com/",
        "https://a.example.com/?a=1&b=2#c",
        "https://a.example.com/%C3%A9/é?q=ü",
        "http://a.example.com",
    ),
    *("mailto:a@example.com?subject=a%20b&body=c", "tel:+15550100", "#part", "{referral_link}", "{manage_link}?x=1"),
    *(
        "https://a.example.com/?n={first_name|a}&r={referral_count}",
        "https://a.example.com/(x)",
        "https://a.example.com/&quot;'",
    ),
    *(
        "https://user:pw@a.example.com:8080/p;q?r=%ZZ",
        "https://日本.example.com/パス",
        "https://a.example.com/?u=https%3A%2F%2Fb.test%2F%3Fc%3D1",
    ),
]
#: What is refused or odd: seldom, or nothing else would be seen.
ODD_TAGS = ["{unknown}", "{first_name}", "{first_name|}", "{apply_link}"]
ODD_ADDRESSES = [
    *("/relative", "//a.example.com/x", "javascript:alert(1)", "data:text/html,x", "<https://a.example.com/a b>", ""),
    *(
        'https://a.example.com/"onload="x',
        "JaVaScRiPt&colon;alert(1)",
        "java\tscript:x",
        "vbscript:x",
        "file:///etc",
        "ftp://a.test",
    ),
]
TOP = (
    "audio",
    "question",
    "goal",
    "share",
    "journal",
    "next",
    "sources",
    "refer",
    "pitch",
    "coaching",
    "about",
    "card",
    "signoff",
)


_FENCE = re.compile(r"`{3,}|~{3,}")


def document(random: Random) -> str:
    """A whole letter, of one to eight blocks; one in four is cut by a paywall."""
    parts = [block(random) for _ in range(random.choice((1, 1, 2, 3, 5, 8)))]
    if random.random() < 0.25:
        parts.append(f"::: paywall\n{words(random)}\n:::")
        parts += [_paid(random) for _ in range(random.randint(1, 2))]
    return "\n\n".join(parts) + "\n"


def block(random: Random, depth: int = 0) -> str:
    """One block, with others inside where it may hold some."""
    kinds = [_heading, _paragraph, _paragraph, _list, _quote, _code, _rule, _table, _figure, _bare, _footnote]
    if depth == 0:
        kinds += [_container, _container, _gate, _button]
    return random.choice(kinds)(random, depth)


def words(random: Random, most: int = 12) -> str:
    """A run of words, some of them inline Markdown, and a line break now and then."""
    found = []
    for _ in range(random.randint(1, most)):
        draw = random.random()
        found.append(inline(random) if draw < 0.3 else tag(random) if draw < 0.36 else random.choice(WORDS))
    text = _FENCE.sub("~~", " ".join(found))  # what begins a block of code would swallow the rest
    if random.random() < 0.2:
        at = text.find(" ", random.randrange(len(text) + 1))
        text = text[:at] + random.choice(("\n", "  \n", "\\\n", "")) + text[at:] if at > 0 else text
    return text


def tag(random: Random) -> str:
    """A merge tag."""
    return random.choice(ODD_TAGS if random.random() < 0.03 else TAGS)


def address(random: Random) -> str:
    """Where a link leads."""
    return random.choice(ODD_ADDRESSES if random.random() < 0.06 else ADDRESSES)


def inline(random: Random, depth: int = 0) -> str:
    """Emphasis, code, a link, an image, raw HTML, a footnote's mark."""
    inner = inline(random, depth + 1) if depth < 3 and random.random() < 0.3 else random.choice(WORDS)
    to = address(random)
    if random.random() < 0.015:
        return random.choice((f"![{inner}]({to})", f"[![{inner}](https://a.example.com/i.png)]({to})"))
    return random.choice(
        (
            *(
                f"*{inner}*",
                f"**{inner}**",
                f"***{inner}***",
                f"_{inner}_",
                f"~~{inner}~~",
                f"`{inner}`",
                f"``{inner}``",
            ),
            *(f"[{inner}]({to})", f'[{inner}]({to} "title")', f"<{to}>", to),
            *(f"<span onclick='x'>{inner}</span>", "[^1]", f"[{inner}][ref]"),
        )
    )


def _heading(random: Random, depth: int) -> str:
    return f"{'#' * random.randint(1, 6)} {_line(random)}"


def _paragraph(random: Random, depth: int) -> str:
    return words(random)


def _list(random: Random, depth: int) -> str:
    mark = random.choice(("- ", "* ", "+ ", "1. ", "7. ", "- [ ] ", "- [x] ", "999999999. "))
    items = []
    for _ in range(random.randint(1, 3)):
        inner = block(random, depth + 1) if depth < 3 and random.random() < 0.3 else _line(random)
        items.append(mark + inner.replace("\n", "\n" + " " * len(mark)))
    return random.choice(("\n", "\n\n")).join(items)


def _quote(random: Random, depth: int) -> str:
    inner = block(random, depth + 1) if depth < 3 else _line(random)
    return "\n".join(f"> {line}" for line in inner.split("\n"))


def _code(random: Random, depth: int) -> str:
    text = "\n".join(" ".join(random.choices([word for word in WORDS if "`" not in word], k=3)) for _ in range(3))
    name = random.choice(("", "python", "html", "nonsense", "c++", 'a"b'))
    return (
        f"``````{name}\n{text}\n``````"
        if random.random() < 0.7
        else "\n".join(f"    {line}" for line in text.split("\n"))
    )


def _rule(random: Random, depth: int) -> str:
    return random.choice(("---", "***", "___"))


def _table(random: Random, depth: int) -> str:
    wide = random.randint(1, 4)
    rows = [" | ".join(_line(random).replace("|", "\\|") for _ in range(wide)) for _ in range(random.randint(1, 3))]
    return "\n".join([rows[0], " | ".join(random.choice((":--", "--:", ":-:", "---")) for _ in range(wide)), *rows[1:]])


def _figure(random: Random, depth: int) -> str:
    return f"![{_line(random)}](https://a.example.com/{random.choice(('x.png', 'y.jpg', 'z'))})\n{_line(random)}"


def _bare(random: Random, depth: int) -> str:
    return random.choice(("https://www.youtube.com/watch?v=dQw4w9WgXcQ", "https://vimeo.com/76979871", address(random)))


def _footnote(random: Random, depth: int) -> str:
    return f"{_line(random)} [^n]\n\n[^n]: {_line(random)}"


def _container(random: Random, depth: int) -> str:
    name = random.choice((*TOP, "photo", "launch groups", "card https://a.example.com/ Go"))
    title = f" {_line(random)}" if name in TOP and random.random() < 0.4 else ""
    inner = (
        _figure(random, 1) if name == "photo" else "\n\n".join(block(random, 1) for _ in range(random.randint(1, 2)))
    )
    return f"::: {name}{title}\n{inner}\n:::"


def _gate(random: Random, depth: int) -> str:
    if random.random() < 0.5:
        return f"::: paid\n{_paid(random)}\n:::"
    if random.random() < 0.5:
        return f"::: discount {PAID.upper()} {PAID}\n{_paid(random)}\n:::"
    return f"::: free\n{block(random, 1)}\n:::"


def _button(random: Random, depth: int) -> str:
    return f"::: button {address(random) or '#'} {_line(random, 3)}\n:::"


def _paid(random: Random) -> str:
    return random.choice(
        (
            f"{PAID} {_line(random)} {PAID}",
            f"## {PAID}",
            f"- {PAID}\n- [{PAID}](https://a.example.com/{PAID})",
            f"![{PAID}](https://a.example.com/{PAID}.png)",
            f"```\n{PAID}\n```",
            f"| {PAID} |\n|---|\n| {PAID} |",
            f"> {PAID}[^p]\n\n[^p]: {PAID}",
        )
    )


def _line(random: Random, most: int = 6) -> str:
    return words(random, most).replace("\n", " ").replace("\u2028", " ")
