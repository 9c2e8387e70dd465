"""`python -m worker.mailroom --port 8026 --keep var/mailroom`: a mailroom in a process of its own."""

from __future__ import annotations

import argparse
from pathlib import Path

from worker.mailroom.options import MailroomOptions
from worker.mailroom.server import serve


def main(arguments: list[str] | None = None) -> None:
    """Read the options and serve until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m worker.mailroom", description="A local stand-in for SendGrid.")
    parser.add_argument("--port", type=int, default=0, help="0 takes any free one")
    parser.add_argument("--api-key", action="append", default=[], help="a key to accept; may be repeated; none: any")
    parser.add_argument("--latency", type=float, default=0.0, metavar="SECONDS", help="delay of every answer")
    parser.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="where messages are kept; without it they are counted"
    )
    parser.add_argument("--events-url", default="", help="where signed events are posted")
    parser.add_argument("--private-key", type=Path, metavar="FILE", help="PEM file that signs events")
    parser.add_argument(
        "--late-mail",
        choices=("discard", "deliver"),
        default="discard",
        help="mail under an id cancelled before it came",
    )
    parser.add_argument(
        "--late-cancel",
        choices=("ignore", "refuse", "obey"),
        default="ignore",
        help="a cancellation later than ten minutes before the hour",
    )
    parser.add_argument("--clock", type=float, metavar="UNIX", help="stand still at this moment until turned")
    given = parser.parse_args(arguments)
    serve(
        MailroomOptions(
            port=given.port,
            api_keys=tuple(given.api_key),
            latency_seconds=given.latency,
            keep=given.keep,
            events_url=given.events_url,
            private_key=given.private_key,
            late_mail=given.late_mail,
            late_cancel=given.late_cancel,
            clock=given.clock,
        )
    )


if __name__ == "__main__":
    main()
