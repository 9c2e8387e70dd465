"""Started as a process of its own by tests: serves the web process of the project folder given, as the command does."""

import sys
from pathlib import Path

from worker import logs
from worker.config import load_settings
from worker.context import Context
from worker.web.server import serve

if __name__ == "__main__":
    logs.configure("INFO")
    serve(Context(load_settings(Path(sys.argv[1]))), port=0)
