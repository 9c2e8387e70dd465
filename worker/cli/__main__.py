"""`python -m worker.cli`: the same as `broadsheet`."""

from worker.cli import main

main()
