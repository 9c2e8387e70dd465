"""One JSON line per thing that happened. Owns the form of a log line; decides nothing about what is worth one.

A line holds ids, counts and states; never an address, a name, a key or a mail's body.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime


class JsonLines(logging.Formatter):
    """Each record as one line of JSON: time, level, logger, event, and the fields given to `say`."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without a line end. A traceback becomes the field `traceback`."""
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "from": record.name,
            "event": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def configure(level: str) -> None:
    """Send every log line of this process to standard error as JSON. Called once, where a process starts."""
    lines = logging.StreamHandler(sys.stderr)
    lines.setFormatter(JsonLines())
    logging.basicConfig(level=level, handlers=[lines], force=True)


def say(logger: logging.Logger, level: int, event: str, **fields: object) -> None:
    """Log `event` (a few words, always the same) with its fields."""
    logger.log(level, event, extra={"fields": fields})
