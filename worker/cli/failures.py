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
    code = _run(command)
    try:
        # What is still in a buffer would find the pipe closed only while Python ends. Both names, for the command
        # library puts a wrapper over the first that hides a failed flush and keeps what could not be written.
        for stream in filter(None, (sys.stdout, sys.__stdout__)):
            stream.flush()
    except BrokenPipeError:
        _drop_output()
    return code


def _run(command: Callable[[], None]) -> int:
    try:
        command()
    except SystemExit as end:
        if not isinstance(end.__context__, BrokenPipeError):
            return _code(end)
        # The command library ends with 1 where the reader of a pipe (`| head`) has seen enough: all is well.
        _drop_output()
        return 0
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        _drop_output()
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


def _drop_output() -> None:
    """Nobody reads any more (`| head` has seen enough): what is left to print goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), (sys.__stdout__ or sys.stdout).fileno())


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
