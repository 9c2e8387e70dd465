"""How a command ends when something is wrong: one sentence, the next step, an exit code. Never a traceback.

What is not foreseen here is a bug, and shows its traceback: there is nothing in it to hide (worker/errors.py), and
everything to find.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from worker.cli.shape import close_contexts, err, say
from worker.errors import BroadsheetError, SettingsError, UnknownIssue, UsageError
from worker.store.engine import DatabaseError

WRONG_USE = (UsageError, SettingsError, UnknownIssue)


def run_quietly(command: Callable[[], None]) -> int:
    """Run it and return the exit code."""
    try:
        command()
    except SystemExit as end:
        # The command library ends with 1 where the reader of a pipe (`| head`) has seen enough: all is well.
        return 0 if isinstance(end.__context__, BrokenPipeError) else _code(end)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except BroadsheetError as wrong:
        _tell(wrong.what, wrong.fix)
        return 2 if isinstance(wrong, WRONG_USE) else 1
    except DatabaseError as trouble:
        _tell(f"the database does not answer as it should: {_first_line(trouble)}", _database_fix(trouble))
        return 1
    except OSError as trouble:
        place = f"{trouble.filename}: " if trouble.filename else ""
        _tell(f"{place}{trouble.strerror or type(trouble).__name__}", "check the path, its permissions and the disk")
        return 1
    finally:
        close_contexts()
    return 0


def _tell(what: str, fix: str) -> None:
    say(("error: ", "bold red"), what, console=err)
    if fix:
        say(("  fix: ", "bold"), fix, console=err)


def _code(end: SystemExit) -> int:
    return end.code if isinstance(end.code, int) else int(end.code is not None)


def _first_line(trouble: DatabaseError) -> str:
    """The driver's own first line. The lines after it may quote values, and SQLAlchemy's text the statement."""
    original = getattr(trouble, "orig", None) or trouble
    return (str(original).splitlines() or [type(original).__name__])[0]


def _database_fix(trouble: DatabaseError) -> str:
    words = str(trouble).lower()
    if "not a database" in words:
        return "DATABASE_URL names a file that SQLite did not write; name another, or bring back a backup"
    if "locked" in words:
        return "another process holds the database; try again, and look for a copy or a backup that runs"
    return "check DATABASE_URL: that the server runs or the folder may be written, and that the name is right"
