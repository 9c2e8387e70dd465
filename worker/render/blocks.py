"""The block tree: what one parse of an issue yields, and the only thing mail is made from.

Frozen values without behaviour; every block knows the line of the author's file it starts on (from 1), and those with
words the `direction` they are read in: `ltr`, `rtl`, or empty where nothing tells. How a node looks is
worker/render/prose.py's (HTML) and worker/render/text.py's (plain text) business.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from worker.domain.edition import MergeName


@dataclass(frozen=True, slots=True)
class Merge:
    """A merge tag the author wrote, such as `{first_name|there}`; the fallback may be empty."""

    name: MergeName
    fallback: str = ""


Pieces = tuple[str | Merge, ...]  # one line of text, or a link's address, with merge tags between


@dataclass(frozen=True, slots=True)
class Text:
    """Characters as they are meant, nothing escaped; a soft break has become one space."""

    text: str


@dataclass(frozen=True, slots=True)
class Code:
    """A code span."""

    text: str


@dataclass(frozen=True, slots=True)
class Break:
    """A hard line break."""


@dataclass(frozen=True, slots=True)
class Styled:
    """Emphasis: `tag` is em, strong or s."""

    tag: str
    children: tuple[Inline, ...]


@dataclass(frozen=True, slots=True)
class Link:
    """A link; `target` is percent-encoded where the author's address was not."""

    target: Pieces
    children: tuple[Inline, ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """An image; an empty `alt` marks decoration."""

    source: str
    alt: Pieces


@dataclass(frozen=True, slots=True)
class Footnote:
    """Where a footnote is referred to. It holds what the note says, so that whoever may not read the place reads no note.

    One note may be referred to from several places: they share `key`, its line in the author's file. Inside of itself
    it is empty.
    """

    key: int
    blocks: tuple[Block, ...]


Inline = Text | Code | Break | Styled | Link | Picture | Merge | Footnote


@dataclass(frozen=True, slots=True)
class Heading:
    """`level` 1 to 6 as the author wrote it; which one readers get is worker/render/outline.py's."""

    line: int
    level: int
    children: tuple[Inline, ...]
    direction: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph."""

    line: int
    children: tuple[Inline, ...]
    direction: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Listing:
    """A list: bulleted where `start` is None, else numbered from there.

    `tasks` is empty, or says of each item whether it is done, open (False) or no task (None).
    """

    line: int
    start: int | None
    tight: bool
    items: tuple[tuple[Block, ...], ...]
    tasks: tuple[bool | None, ...] = ()
    direction: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Quote:
    """A block quote."""

    line: int
    blocks: tuple[Block, ...]
    direction: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class CodeBlock:
    """Preformatted lines; `language` is the first word behind the fence, or empty."""

    line: int
    text: str
    language: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """A thematic break."""

    line: int


@dataclass(frozen=True, slots=True)
class Table:
    """A table; `aligns` holds left, center, right or an empty string for each column."""

    line: int
    aligns: tuple[str, ...]
    head: tuple[tuple[Inline, ...], ...]
    rows: tuple[tuple[tuple[Inline, ...], ...], ...]
    direction: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Figure:
    """An image that stands alone: `link` is empty where it leads nowhere, `caption` what follows it in its paragraph."""

    line: int
    picture: Picture
    link: Pieces = ()
    caption: tuple[Inline, ...] = ()


@dataclass(frozen=True, slots=True)
class LinkCard:
    """An address on a line of its own. `site` is its host, or the name of a service for video.

    `poster` is the address of the video's still, where the service has one that follows from the video's id.
    """

    line: int
    link: Link
    site: str
    poster: str = ""


@dataclass(frozen=True, slots=True)
class Container:
    """`::: name args` and what stands between it and its `:::`; the names are worker/render/registry.py's."""

    line: int
    name: str
    args: str
    blocks: tuple[Block, ...]


Block = Heading | Paragraph | Listing | Quote | CodeBlock | Rule | Table | Figure | LinkCard | Container


@dataclass(frozen=True, slots=True)
class Tree:
    """A parsed issue. `subject` and `preview` hold merge tags as the body does."""

    file: str
    blocks: tuple[Block, ...]
