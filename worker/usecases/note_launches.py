"""Note what of the author's launches the database must know to tell by itself, just before each call, who has converted."""

from __future__ import annotations

from collections.abc import Iterable

from worker.domain.launch import Launch
from worker.store.engine import Engine, reading, writing
from worker.store.launches import known_tags, note_tags


def note_launches(engine: Engine, launches: Iterable[Launch]) -> None:
    """The tag that converts to each of them. Repeating it writes nothing."""
    written = {launch.id: launch.converted_by for launch in launches}
    with reading(engine) as connection:  # nearly every tick ends here, without a lock
        known = known_tags(connection)
    changed = {launch_id: tag for launch_id, tag in written.items() if tag != known.get(launch_id, "")}
    if changed:
        with writing(engine) as connection:
            note_tags(connection, changed)
