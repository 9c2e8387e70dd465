"""The author's and the operator's commands. A command reads its options, calls one use case and prints what came back.

Exit codes: 0 all is well, 1 problems were found, 2 the command or the settings are wrong, 130 after Ctrl-C.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Run one command; an error becomes a sentence with its fix, never a traceback."""
    try:
        # Loaded here, so that Ctrl-C while half of Python is being imported ends quietly too.
        from worker.cli.app import app
        from worker.cli.failures import run_quietly
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(run_quietly(app))
