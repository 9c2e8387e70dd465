"""Batch ids that `doctor --live` cancelled: each takes one of the account's ten slots until it is freed.

Freeing one before its hour would revive the mail under it, so ids are kept in a small file with their hours and freed
by a later look.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from worker.domain.diagnosis import Diagnosis, note, warning, well
from worker.providers.scheduled import Done, Scheduler

FILE = "doctor-batches.json"
MARGIN = timedelta(hours=1)  # how long after its hour an id is freed


class Leftovers:
    """The file, in STATE_DIR. A damaged one counts as empty: SendGrid forgets ids after ten days by itself."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE

    def add(self, batch_id: str, send_at: datetime) -> None:
        """Remember an id; call this before it is cancelled."""
        self._write({**self._read(), batch_id: send_at.timestamp()})

    def free(self, scheduler: Scheduler, now: datetime) -> Iterator[Diagnosis]:
        """Free what has had its hour; says what was freed, what waits, and what could not be freed."""
        check = "leftovers"
        kept = self._read()
        over = [one for one, at in kept.items() if datetime.fromtimestamp(at, UTC) + MARGIN <= now]
        waiting = len(kept) - len(over)
        stuck = ""
        for batch_id in over:
            answer = scheduler.free(batch_id)
            if isinstance(answer, Done):
                del kept[batch_id]
                self._write(kept)
            else:
                stuck = answer.reason
        if stuck:
            yield warning(check, f"a cancelled test id could not be freed: {stuck}", "run this command again later")
        elif over:
            yield well(check, f"{len(over)} cancel slots of earlier tests were freed")
        if waiting:
            yield note(
                check, f"{waiting} cancel slots of earlier tests are in use until an hour after their mail's hour"
            )

    def _read(self) -> dict[str, float]:
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return {str(one): float(at) for one, at in found.items()} if isinstance(found, dict) else {}

    def _write(self, kept: dict[str, float]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_suffix(".new")
        fresh.write_text(json.dumps(kept), encoding="utf-8")
        fresh.replace(self._path)
