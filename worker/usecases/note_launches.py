"""Note what of the author's launches the database must know to tell by itself, just before each call: who has converted by
a tag, and whose card has closed.
"""

from __future__ import annotations

from collections.abc import Iterable

from worker.domain.launch import Launch
from worker.store.engine import Engine, reading, writing
from worker.store.launches import Note, known_launches, note_launch


def note_launches(engine: Engine, launches: Iterable[Launch]) -> None:
    """Each of them. Repeating it writes nothing."""
    written = {launch.id: Note(launch.converted_by, launch.closes_at) for launch in launches}
    with reading(engine) as connection:  # nearly every tick ends here, without a lock
        known = known_launches(connection)
    changed = {launch_id: note for launch_id, note in sorted(written.items()) if note != known.get(launch_id)}
    if changed:
        with writing(engine) as connection:
            for launch_id, note in changed.items():
                note_launch(connection, launch_id, note)
