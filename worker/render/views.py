"""What each block shows: labels, links and figures, worked out once for HTML and for plain text alike.

A view holds values only. How they look is the block's template in emails/blocks/; how they read as plain text is
worker/render/text.py. What a block needs and the author or the publication did not give is an error with its line.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from worker.domain.calendar import instant
from worker.domain.edition import MergeName
from worker.errors import RenderError
from worker.render.blocks import Container, Figure, Merge, Paragraph, Pieces
from worker.render.inlines import flat
from worker.render.placeholders import split
from worker.render.scene import Scene
from worker.render.targets import encoded, target_of


class LinkTo(NamedTuple):
    """A button or a line with an address."""

    label: Pieces
    target: Pieces


class View(NamedTuple):
    """What a block shows. `order` is the one of its template, and plain text prints it in the same.

    Named tuples, for views are made and compared for every block of every edition.

    `percent` (0 to 100) is drawn as a bar in HTML; `says_body` is false where the body already became a link's label.
    """

    label: str = ""
    note: str = ""
    items: tuple[str, ...] = ()
    lines: tuple[Pieces, ...] = ()  # with merge tags in them
    code: str = ""
    links: tuple[LinkTo, ...] = ()
    image: str = ""
    percent: int | None = None
    says_body: bool = True
    order: tuple[str, ...] = ("label", "note", "body", "items", "lines", "code", "links")


def titled(default: str) -> Titled:
    """A block that is a label and a body; the words after its name replace the label."""
    return Titled(default)


@dataclass(frozen=True, slots=True)
class Titled:
    """See `titled`."""

    default: str

    def __call__(self, block: Container, scene: Scene) -> View:
        """The label and nothing else."""
        return View(label=block.args or self.default)


def audio(block: Container, scene: Scene) -> View:
    """Listen, watch or read: from the front matter's `audio`."""
    found = scene.text.audio
    if found is None:
        raise _missing(block, scene, "needs `audio:` in the front matter", "add audio: {url: https://..., minutes: 7}")
    links = [("Play", found.url), ("Apple Podcasts", found.apple), ("Spotify", found.spotify)]
    links += [("YouTube", found.youtube), ("Transcript", found.transcript)]
    return View(
        label=block.args or "Listen to this letter",
        note=f"{found.minutes} minute{'' if found.minutes == 1 else 's'}",
        links=tuple(LinkTo((label,), (encoded(url),)) for label, url in links if url),
        order=("note", "label", "body", "links"),
    )


def question(block: Container, scene: Scene) -> View:
    """A question with a button to the comments."""
    if not scene.text.comments:
        fix = "add comments: https://... to the front matter"
        raise _missing(block, scene, "needs an address for comments", fix)
    return View(label=block.args, links=(LinkTo(("Leave a comment",), (encoded(scene.text.comments),)),))


def goal(block: Container, scene: Scene) -> View:
    """How many subscribers there are, beside how many there should be."""
    aim = scene.publication.goal
    if aim is None:
        raise _missing(block, scene, "needs [goal] in content/publication.toml", "add subscribers = 5000 and a label")
    now = scene.facts.subscribers
    return View(
        label=block.args or aim.label,
        note=f"{now:,} of {aim.subscribers:,} subscribers",
        percent=max(0, min(100, 100 * now // aim.subscribers)),
        order=("label", "body", "note", "links"),
        links=(_published(block, scene, "share", "Share this letter"),),
    )


def share(block: Container, scene: Scene) -> View:
    """A button that passes the letter on."""
    return View(label=block.args, links=(_published(block, scene, "share", "Share this letter"),))


def recommend(block: Container, scene: Scene) -> View:
    """A button to where the letter is recommended: the link called recommend, or the one called share."""
    name = "recommend" if scene.publication.links.get("recommend") else "share"
    return View(
        label=block.args or "Recommend this letter", links=(_published(block, scene, name, "Recommend it to someone"),)
    )


def refer(block: Container, scene: Scene) -> View:
    """The reader's own link, how many friends it brought, and what the next ones bring."""
    lines: list[Pieces] = [("Friends you have brought: ", Merge(MergeName.REFERRAL_COUNT, "none yet"))]
    links = [LinkTo(("Your own link",), (Merge(MergeName.REFERRAL_LINK),))]
    if scene.publication.referral.milestones:
        next_one, to_go = Merge(MergeName.NEXT_REWARD, "you have them all"), Merge(MergeName.REFERRALS_TO_GO, "none")
        lines.append(("Next reward: ", next_one, " · friends to go: ", to_go))
        links.append(LinkTo(("Your friends and rewards",), (Merge(MergeName.REWARDS_LINK),)))
    return View(label=block.args or "Refer a friend", lines=tuple(lines), links=tuple(links))


def pitch(block: Container, scene: Scene) -> View:
    """What paying readers get; shown to free readers only."""
    return View(
        label=block.args or f"Read all of {scene.publication.name}",
        items=scene.publication.benefits,
        links=(_published(block, scene, "upgrade", "Become a paying reader"),),
    )


def discount(block: Container, scene: Scene) -> View:
    """A code; shown to paying readers only."""
    code, _, label = block.args.partition(" ")
    return View(label=label.strip() or "A thank-you for paying readers", code=code)


def coaching(block: Container, scene: Scene) -> View:
    """Work with the author."""
    return View(
        label=block.args or "Work with me", links=(_published(block, scene, "coaching", "Arrange a first call"),)
    )


def button(block: Container, scene: Scene) -> View:
    """A button: its address, then its label, which may also be the body."""
    address, _, words = block.args.partition(" ")
    target = target_of(encoded(address), scene.text.file, block.line)
    return View(links=(LinkTo(_label(block, scene, words) or ("Read more",), target),), says_body=False)


def card(block: Container, scene: Scene) -> View:
    """A card with whatever it holds; with an address, a button leads there."""
    address, _, words = block.args.partition(" ")
    if not address:
        return View()
    label = split(words.strip() or "Read more", scene.text.file, block.line)
    return View(links=(LinkTo(label, target_of(encoded(address), scene.text.file, block.line)),))


def launch(block: Container, scene: Scene) -> View | None:
    """A launch's card, for as long as it is open; None once it has closed."""
    found = scene.facts.launches.get(block.args)
    if found is None:
        known = ", ".join(sorted(scene.facts.launches)) or "none yet"
        raise _missing(
            block, scene, f"there is no launch {block.args!r}", f"content/launches/ holds, and can be read: {known}"
        )
    if scene.facts.now >= instant(found.closes, found.zone):
        return None
    word = "Opened" if scene.facts.now >= instant(found.opens, found.zone) else "Opens"
    return View(
        label=found.name,
        note=f"{word} {_day(found.opens)} · closes {_day(found.closes)}",
        items=(found.subtitle,) if found.subtitle else (),
        image=found.image,
        order=("body", "label", "items", "note", "links"),
        links=(LinkTo((found.button,), (encoded(found.page),)),),
    )


def plain(block: Container, scene: Scene) -> View:
    """A block that is its body."""
    return View(label=block.args)


def _label(block: Container, scene: Scene, words: str) -> Pieces:
    if words.strip():
        return split(words.strip(), scene.text.file, block.line)
    for inner in block.blocks:
        if isinstance(inner, Paragraph):
            return flat(inner.children)
    return ()


def _published(block: Container, scene: Scene, name: str, label: str) -> LinkTo:
    url = scene.publication.links.get(name)
    if not url:
        fix = f'add {name} = "https://..." under [links] in content/publication.toml'
        raise _missing(block, scene, f"needs a link called {name}", fix)
    return LinkTo((label,), (encoded(url),))


def _missing(block: Container, scene: Scene, what: str, fix: str) -> RenderError:
    return RenderError(f"`::: {block.name}`: {what}", file=scene.text.file, line=block.line, fix=fix)


def _day(at: datetime) -> str:
    return f"{at.day} {at:%B}"


def has_picture(block: Container) -> bool:
    """Whether a block holds an image of its own."""
    return any(isinstance(inner, Figure) for inner in block.blocks)
