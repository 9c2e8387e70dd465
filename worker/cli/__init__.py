"""The author's and the operator's commands. A command reads its options, calls one use case and prints what came back.

Exit codes: 0 all is well, 1 problems were found, 2 the command or the settings are wrong.
"""

from __future__ import annotations

import os
import sys

from rich.console import Console

from worker.cli.app import app
from worker.errors import BroadsheetError, SettingsError, UsageError


def main() -> None:
    """Run one command; an error becomes a sentence with its fix, never a traceback."""
    try:
        app()
    except (UsageError, SettingsError) as wrong:
        _tell(wrong)
        sys.exit(2)
    except BroadsheetError as wrong:
        _tell(wrong)
        sys.exit(1)
    except BrokenPipeError:  # the reader of a pipe (`| head`) has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def _tell(wrong: BroadsheetError) -> None:
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(f"[bold red]error:[/] {_plain(wrong.what)}")
    if wrong.fix:
        console.print(f"  [bold]fix:[/] {_plain(wrong.fix)}")


def _plain(words: str) -> str:
    return words.replace("[", "\\[")
