"""Pictures: what they say to those who do not see them, and whether a mail client can show them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from worker.render.pictures import Pictures
from worker.render.placeholders import marked
from worker.render.preflight.findings import ERROR, WARNING, Spot, rule
from worker.render.preflight.proof import Proof

_DRAWN = re.compile(r"\.(jpe?g|png|gif)$", re.IGNORECASE)
_FILE_NAME = re.compile(
    r"\S+\.(jpe?g|png|gif|webp|heic|svg|tiff?|bmp|pdf)$"
    r"|^(img|dsc|dscn|dscf|pxl|mvimg|p|image|photo|picture|untitled|screen ?shot)[\s_-]*[\d\s:._-]*(at [\d.: ]+)?$",
    re.IGNORECASE,
)
_WIDEST_FILE = 1_600  # pixels: the column is 552 wide, and a sharp screen shows twice that


@rule("alt", WARNING, "most clients hide images at first, and a screen reader has nothing else to say")
def images_have_words(proof: Proof) -> Iterator[Spot]:
    """Images say what they show; a linked one must, for its words are the link's."""
    for figure in proof.figures():
        if not marked(figure.picture.alt).strip():
            severity = ERROR if figure.link else None
            yield Spot(
                f"no words for {figure.picture.source}", "write ![what it shows](...)", figure.line, severity=severity
            )
    for plan, mail in proof.mails:
        for _, image in mail.page.every("img"):
            if "alt" not in image:
                problem = f"an image of the {plan} mail has no alt: {image.get('src', '')}"
                yield Spot(problem, 'give it alt="..." in its template', file="emails", severity=ERROR)


@rule("alt-file-name", WARNING, "the name of a file tells nobody what the picture shows")
def words_are_no_file_name(proof: Proof) -> Iterator[Spot]:
    """The words of an image are words."""
    for figure in proof.figures():
        words = marked(figure.picture.alt).strip()
        if _FILE_NAME.search(words):
            fix = "say what is to be seen, as you would on the telephone"
            yield Spot(f"{words!r} is the name of a file", fix, figure.line)


@rule("image-address", ERROR, "a mail has no folder beside it, and many clients block what is not https")
def images_are_on_the_web(proof: Proof) -> Iterator[Spot]:
    """Images have a full https address."""
    for figure in proof.figures():
        source = figure.picture.source
        if not re.match(r"https://[^/?#]+/", source):
            yield Spot(f"not an https address: {source}", "write https://...", figure.line)


@rule("image-kind", WARNING, "Gmail and Outlook draw JPEG, PNG and GIF, and not all else")
def images_are_drawn_everywhere(proof: Proof) -> Iterator[Spot]:
    """Images are of a kind that every client draws."""
    for figure in proof.figures():
        source = re.split("[?#]", figure.picture.source)[0]
        if source.startswith("https://") and not _DRAWN.search(source):
            yield Spot(f"not .jpg, .png or .gif: {source}", "export it as JPEG", figure.line)


@rule("image-size", WARNING, "readers wait for every byte, and a phone shows it no sharper")
def images_are_not_too_large(proof: Proof) -> Iterator[Spot]:
    """Files in content/media/ are at most 1,600 pixels wide."""
    pictures = Pictures(
        proof.publication, {path: (width, height) for path, (width, height) in proof.facts.media.items()}
    )
    for figure in proof.figures():
        size = pictures.size(figure.picture.source)
        if size and size[0] * (2 if "@2x." in figure.picture.source else 1) > _WIDEST_FILE:
            problem = f"{figure.picture.source} is {size[0]:,} pixels wide"
            yield Spot(problem, "export it 1,104 pixels wide, twice the width of the column", figure.line)


@rule("image-width", ERROR, "Outlook shows an image without a width at its own size, and the page scrolls sideways")
def images_have_a_width(proof: Proof) -> Iterator[Spot]:
    """R12: every image has a whole width of at most 600 pixels, and a height in pixels or from its style."""
    for plan, mail in proof.mails:
        for _, image in mail.page.every("img"):
            width = image.get("width", "")
            if not width.isdecimal() or not 0 < int(width) <= 600:
                problem = f"an image of the {plan} mail has width {width!r}: {image.get('src', '')}"
                yield Spot(problem, "give it a width of 1 to 600 in its template", file="emails")
