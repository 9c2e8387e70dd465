"""Run as a script: asks the kernel to end this process with its parent, then becomes the command it was given.

`python -I -S leash.py PARENT COMMAND [ARGUMENT ...]`. Standard library only, and no import from Broadsheet: it
starts in a few milliseconds. `subprocess`'s own hook for this, preexec_fn, may deadlock beside threads. macOS has
no such request; there a supervisor that is killed with SIGKILL leaves its children running.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Never returns: the process becomes the command, with the same id."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        # SIGTERM, not SIGKILL: a worker then still finishes the call it is in.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:  # it died before we asked
        sys.exit(1)
    os.execv(command[0], command)  # noqa: S606 (no shell is wanted)


if __name__ == "__main__":
    main()
