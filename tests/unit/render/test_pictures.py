"""Pictures: whole pixels of width, a height where the file is known, words always; videos as posters, never players."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from tests.support.rendering import Read, editions, make_facts, make_issue, make_publication, templates
from worker import sources
from worker.domain.subscriber import Plan
from worker.render.blocks import LinkCard, Paragraph
from worker.render.edition import render_editions
from worker.render.markdown import parse_markdown

MEDIA = {"wide.jpg": (1104, 640), "small.png": (200, 101), "logo@2x.png": (240, 121), "a b.gif": (552, 300)}
BASE = "https://letter.example.com/media"


def image(body: str, **changes: object) -> dict[str, str | None]:
    """The attributes of the only image of a letter."""
    (found,) = Read(editions(body, facts=make_facts(media=MEDIA), **changes)[Plan.FREE].html).every("img")
    return found


@pytest.mark.parametrize(
    ("address", "width", "height"),
    [
        (f"{BASE}/wide.jpg", 552, 320),
        (f"{BASE}/wide.jpg?v=2#x", 552, 320),
        (f"{BASE}/small.png", 200, 101),
        (f"{BASE}/logo@2x.png", 120, 60),
        (f"{BASE}/a%20b.gif", 552, 300),
        (f"{BASE}/unknown.jpg", 552, None),
        ("https://other.example.org/media/wide.jpg", 552, None),
        ("https://letter.example.com/wide.jpg", 552, None),
    ],
)
def test_a_picture_has_whole_pixels_and_a_height_where_its_file_is_known(
    address: str, width: int, height: int | None
) -> None:
    found = image(f"![A hill]({address})")
    assert found["width"] == str(width)
    assert found.get("height") == (str(height) if height else None)
    assert found["alt"] == "A hill"
    assert "height:auto" in str(found["style"])  # so that it shrinks in proportion on a phone


def test_in_a_card_a_picture_is_as_wide_as_the_card_lets_it() -> None:
    found = image(f"::: card\n![A hill]({BASE}/wide.jpg)\n:::")
    assert int(str(found["width"])) < 552
    assert int(str(found["height"])) == round(int(str(found["width"])) * 640 / 1104)


def test_in_a_list_a_picture_keeps_its_proportions_too() -> None:
    found = image(f"- ![A hill]({BASE}/wide.jpg)")
    assert (found["width"], found["height"]) == ("480", "278")


def test_the_link_called_media_says_where_files_are_published() -> None:
    publication = make_publication(links={"media": "https://cdn.example.net/m"})
    made = render_editions(
        make_issue("![x](https://cdn.example.net/m/wide.jpg)"), publication, templates(), make_facts(media=MEDIA)
    )
    assert Read(made[Plan.FREE].html).every("img")[0]["height"] == "320"


def test_a_linked_picture_without_words_says_its_address() -> None:
    found = image(f"[![]({BASE}/wide.jpg)](https://a.example.com/page)")
    assert found["alt"] == "https://a.example.com/page"


@pytest.mark.parametrize(
    "address",
    [
        "https://www.youtube.com/watch?v=a1-_b2C3d4E",
        "https://www.youtube.com/watch?list=PL1&v=a1-_b2C3d4E&t=3",
        "https://youtu.be/a1-_b2C3d4E?si=x",
        "https://m.youtube.com/shorts/a1-_b2C3d4E",
        "https://www.youtube-nocookie.com/embed/a1-_b2C3d4E",
    ],
)
def test_a_youtube_address_on_its_own_line_is_a_linked_poster(address: str) -> None:
    made = editions(f"See:\n\n{address}\n")[Plan.FREE]
    read = Read(made.html)
    (poster,) = read.every("img")
    assert poster["src"] == "https://i.ytimg.com/vi/a1-_b2C3d4E/hqdefault.jpg"
    assert (poster["width"], poster["height"]) == ("552", "414")
    assert poster["alt"]
    assert [link["href"] for link in read.every("a")].count(address) == 2
    assert "Watch on YouTube" in read.text
    assert f"Watch on YouTube: {address}" in made.text
    assert not {"iframe", "video", "embed", "object"} & {tag for tag, _ in read.tags}


@pytest.mark.parametrize(
    ("address", "label"),
    [
        ("https://vimeo.com/76979871", "Watch on Vimeo"),
        ("https://www.example.org/a_b_c*d*?x=1&y=%20", "Read on example.org"),
        ("https://www.youtube.com/@somebody", "Read on youtube.com"),
        ("https://youtu.be/short", "Read on youtu.be"),
    ],
)
def test_any_other_address_on_its_own_line_is_a_card_without_a_picture(address: str, label: str) -> None:
    made = editions(f"See:\n\n{address}\n")[Plan.FREE]
    read = Read(made.html)
    assert read.every("img") == []
    assert address in [link["href"] for link in read.every("a")]
    assert label in read.text
    assert address in read.text
    assert f"{label}: {address}" in made.text


def test_every_line_that_is_an_address_is_a_card_of_its_own() -> None:
    blocks = parse_markdown("https://a.example.com/\nhttps://b.example.com/\n", "x.md").blocks
    assert [(type(block), block.line) for block in blocks] == [(LinkCard, 1), (LinkCard, 2)]


@pytest.mark.parametrize(
    "body",
    [
        "See https://a.example.com/",
        "https://a.example.com/ see",
        "<https://a.example.com/>",
        "[https://a.example.com/](https://a.example.com/)",
        "https://a.example.com/\nand more",
        "a.example.com",
    ],
)
def test_an_address_beside_words_is_no_card(body: str) -> None:
    assert not any(isinstance(block, LinkCard) for block in parse_markdown(body, "x.md").blocks)


@pytest.mark.parametrize("body", ["- https://a.example.com/", "> https://a.example.com/"])
def test_in_a_list_or_a_quote_an_address_is_a_link(body: str) -> None:
    made = editions(body)[Plan.FREE]
    assert "https://a.example.com/" in [link["href"] for link in Read(made.html).every("a")]
    assert made.text.count("https://a.example.com/") == 1


def test_a_card_may_stand_in_a_block() -> None:
    (card,) = parse_markdown("::: card\nhttps://a.example.com/\n:::", "x.md").blocks
    assert isinstance(card.blocks[0], LinkCard)
    assert not isinstance(card.blocks[0], Paragraph)


def test_sizes_are_read_from_the_first_bytes_of_a_file(tmp_path: Path) -> None:
    media = tmp_path / "content" / "media" / "deep"
    media.mkdir(parents=True)
    frame = b"\xff\xc2" + struct.pack(">HBHH", 17, 8, 321, 1234)
    (media / "a.jpg").write_bytes(b"\xff\xd8\xff\xe0" + struct.pack(">H", 16) + bytes(14) + b"\xff" + frame + bytes(9))
    (media / "b.PNG").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(8) + struct.pack(">II", 30, 40) + bytes(9))
    (media / "c.gif").write_bytes(b"GIF89a" + struct.pack("<HH", 5, 6) + bytes(9))
    (media / "d.jpg").write_bytes(b"\xff\xd8\xff\xe0" + struct.pack(">H", 16))
    (media / "e.png").write_bytes(b"no picture")
    (media / "f.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(20))
    (media / "g.txt").write_bytes(b"GIF89a" + struct.pack("<HH", 5, 6))
    found = sources.read_picture_sizes(tmp_path)
    assert found == {"deep/a.jpg": (1234, 321), "deep/b.PNG": (30, 40), "deep/c.gif": (5, 6)}
    assert sources.read_picture_sizes(tmp_path / "nowhere") == {}
