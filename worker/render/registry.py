"""The blocks an author may write: one line each. A new block is a line here, a template and a sample (docs/designing.md).

Views (worker/render/views.py) say what a block shows; plain text is printed from the same view.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from worker.errors import RenderError
from worker.render import views
from worker.render.blocks import Container, Paragraph
from worker.render.scene import Scene
from worker.render.shared import Views
from worker.render.views import View


class Room(Enum):
    """Where a block may stand."""

    GATE = "around anything"
    TOP = "at the left margin of the letter"
    ANYWHERE = "in the letter or in another block"


@dataclass(frozen=True, slots=True)
class BlockKind:
    """One block. `args` names what must follow its name (empty: a title may); `view` is None for a gate."""

    room: Room
    view: Callable[[Container, Scene], View | None] | None
    summary: str
    args: str = ""
    holds: Callable[[Container], bool] | None = None
    labelled: bool = False  # its words become a label, which has room for one paragraph

    def misplaced(self, name: str, inside: str, depth: int) -> str:
        """Why a block called `name` cannot stand inside another, or an empty string."""
        if name == "paywall" and depth:
            return "`::: paywall` cuts the whole letter, so it cannot stand inside anything"
        in_block = inside.startswith("`")
        if inside and not (in_block and self.room is not Room.TOP):
            return f"`::: {name}` cannot stand inside {inside}"
        return ""

    def check(self, block: Container, file: str) -> None:
        """RenderError where the block lacks what it cannot be without."""
        if self.args and not block.args:
            example = f"write `::: {block.name} {self.args}`"
            raise RenderError(f"`::: {block.name}` needs {self.args}", file=file, line=block.line, fix=example)
        if self.holds and not self.holds(block):
            raise RenderError(
                f"`::: {block.name}` holds no image",
                file=file,
                line=block.line,
                fix="put ![what it shows](https://...) in it",
            )
        if self.labelled and (len(block.blocks) > 1 or not all(isinstance(one, Paragraph) for one in block.blocks)):
            problem = f"`::: {block.name}` holds more than its label, and only the label would be shown"
            raise RenderError(problem, file=file, line=block.line, fix="keep one line, and put the rest outside")
        if self.labelled and block.blocks and " " in block.args:
            problem = f"`::: {block.name}` has two labels: one after the address, one inside"
            raise RenderError(problem, file=file, line=block.line, fix="keep one of them")


KINDS: dict[str, BlockKind] = {
    "paid": BlockKind(Room.GATE, None, "only paying readers see what is inside"),
    "free": BlockKind(Room.GATE, None, "only free readers see what is inside"),
    "paywall": BlockKind(
        Room.GATE, None, "ends the letter for free readers; what is inside becomes the pitch they see"
    ),
    "audio": BlockKind(Room.TOP, views.audio, "listen, watch or read along, from `audio:` in the front matter"),
    "question": BlockKind(Room.TOP, views.question, "a question with a button to the comments"),
    "goal": BlockKind(Room.TOP, views.goal, "the live count of subscribers and how far the goal is"),
    "share": BlockKind(Room.TOP, views.share, "asks to pass the letter on"),
    "journal": BlockKind(Room.TOP, views.titled("Journal prompts"), "prompts to write about"),
    "next": BlockKind(Room.TOP, views.titled("Next week"), "what is coming"),
    "sources": BlockKind(Room.TOP, views.titled("Sources"), "where it comes from"),
    "launch": BlockKind(
        Room.TOP, views.launch, "a launch's card; it goes when the launch has closed", args="launch-id"
    ),
    "refer": BlockKind(Room.TOP, views.refer, "the reader's own link, the friends it brought, the next reward"),
    "pitch": BlockKind(Room.TOP, views.pitch, "what paying readers get; shown to free readers only"),
    "discount": BlockKind(Room.TOP, views.discount, "a code; shown to paying readers only", args="CODE"),
    "coaching": BlockKind(Room.TOP, views.coaching, "work with the author"),
    "about": BlockKind(Room.TOP, views.titled("About this letter"), "what this letter is"),
    "card": BlockKind(Room.TOP, views.card, "a card with anything in it; with an address, a button leads there"),
    "recommend": BlockKind(Room.TOP, views.recommend, "asks readers to recommend the letter"),
    "signoff": BlockKind(Room.TOP, views.plain, "the closing words"),
    "button": BlockKind(
        Room.ANYWHERE, views.button, "a button: address, then label", args="https://...", labelled=True
    ),
    "photo": BlockKind(Room.ANYWHERE, views.plain, "an image, with its caption below it", holds=views.has_picture),
}


def view_of(block: Container, scene: Scene, known: Views) -> View | None:
    """What a block shows in an edition, worked out once for HTML and plain text; None where it shows nothing."""
    key = (id(block), scene.plan)
    if (found := known.get(key)) is None:
        look = KINDS[block.name].view
        found = known[key] = (block, look(block, scene) if look else None)
    return found[1]
