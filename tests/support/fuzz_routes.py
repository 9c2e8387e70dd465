"""`make fuzz-routes`: hostile requests to every route, as a WSGI server would hand them over; no 500, no leak, no change.

Methods, paths, tokens (real ones, cut, of another purpose, of another key), bodies, headers and encodings are drawn from a
seed. After each answer its promises are looked at; at the end the readers whose links were never used must be as they were.
Options: --requests 50000 --seed WORD --only NUMBER (one request of a seed again).
"""

from __future__ import annotations

import argparse
import collections
import io
import json
import random
import secrets
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select
from werkzeug.test import run_wsgi_app

from tests.support.launches import HOOK_SECRET, signed
from tests.support.makers import NOW, make_subscriber, make_suppression
from tests.support.sending import SECRET, open_context
from worker.render.links import Signer
from worker.store.engine import reading, writing
from worker.store.schema import migrate
from worker.store.tables import launch_conversions, launch_mutes, subscribers, suppressions
from worker.web.app import create_app
from worker.web.attribution import COOKIE

MARK = "fuzz<i>mark'\""  # what a stranger types; it may come back escaped alone
SLOWEST = 5.0  # seconds for one answer
OPEN = NOW + timedelta(days=1)  # the sample's launch is open
HOOK = "/hooks/launches/"
FORWARD = "https://longtake.example.com/groups"  # where the launch's own file leads, and nowhere else
CALM = 503  # "not ready" and "closed" are answers, not faults

METHODS = ["GET", "POST", "HEAD"] * 6 + [
    "PUT",
    "DELETE",
    "PATCH",
    "OPTIONS",
    "TRACE",
    "CONNECT",
    "get",
    "",
    "\u00e9",
    "A" * 300,
]
ODD = [
    *(
        "",
        "\x00",
        "%00",
        "%",
        "%zz",
        "..",
        "../..",
        "%2e%2e%2f",
        "\u202e",
        "\ud800",
        "\xff\xfe",
        "a" * 5_000,
        "é",
        "💥",
    ),
    *(
        "'",
        '"',
        "' OR 1=1 --",
        "{{7*7}}",
        "<script>alert(1)</script>",
        "\r\nSet-Cookie: a=b",
        "-1",
        "9" * 40,
        "1e309",
        "NaN",
    ),
    *(
        "ada@example.com",
        "ada@exämple.com",
        "a@b",
        "@",
        MARK,
        "\u2028",
        "null",
        "[]",
        "file:///etc/passwd",
        "//evil.example",
    ),
]
FIELDS = [
    "again",
    "address",
    "email",
    "name",
    "r",
    "homepage",
    "own",
    "wants",
    "paused_until",
    "List-Unsubscribe",
    "page",
    "",
]
TYPES = [
    *("application/x-www-form-urlencoded", "application/x-www-form-urlencoded; charset=utf-16", "multipart/form-data"),
    *(
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=b",
        "application/json",
        "text/plain",
        "",
        "\xff",
        "x" * 999,
    ),
]
HEADERS = ["X-Forwarded-For", "Origin", "Referer", "Host", "Accept-Language", "Cookie", "Authorization", "Content-Encoding", "Transfer-Encoding", "Expect", "Range", "If-None-Match", "X-Twilio-Email-Event-Webhook-Signature", "X-Twilio-Email-Event-Webhook-Timestamp", "X-Broadsheet-Timestamp", "X-Broadsheet-Signature", "Sec-Fetch-Site"]  # fmt: skip


class Ground:
    """An installation with readers of every state; `used` are those whose links the fuzzer has, `calm` the others."""

    def __init__(self, folder: Path) -> None:
        self.context = open_context(
            f"sqlite:///{folder / 'fuzz.db'}",
            "http://127.0.0.1:9",
            folder,
            ops_password="open sesame",
            launch_hook_secrets=f"producer-groups:{HOOK_SECRET}",
        )
        migrate(self.context.engine)
        with writing(self.context.engine) as connection:
            self.used = [
                make_subscriber(connection, address="used@example.com"),
                make_subscriber(connection, "paid", name=MARK),
                make_subscriber(connection, status="pending"),
                make_subscriber(connection, suppressed="unsubscribed"),
                make_subscriber(connection, suppressed="complained"),
            ]
            self.calm = [
                make_subscriber(connection, "paid", address="ada@example.com"),
                make_subscriber(connection, status="pending", address="calm@example.com"),
                make_subscriber(connection, suppressed="unsubscribed", address="left@example.com"),
            ]
            make_suppression(connection, "nobody@example.com", "complained")
        self.app = create_app(self.context, now=lambda: OPEN)
        self.tokens = list(self._tokens(Signer(SECRET))) + list(
            self._tokens(Signer("another key of more than 32 letters"))
        )
        self.before = self.state()

    def _tokens(self, signer: Signer) -> Iterator[str]:
        for one in self.used:
            yield from (signer.unsubscribe_path(one.id, 3), signer.manage_path(one.id), signer.confirm_path(one.id, 3))
            yield from (
                signer.undo_path(one.id, NOW),
                signer.apply_path(one.id, "producer-groups"),
                signer.mute_path(one.id, "producer-groups"),
                signer.friends_path(one.id),
                f"{signer.friends_path(one.id)}/guide",
                f"/r/{one.referral_code}",
            )
        yield signer.manage_path(2**63, 2**64 - 1)

    def state(self) -> list[Any]:
        """The calm readers' rows, what they did in launches, and the suppressions of their addresses."""
        ids, keys = [one.id for one in self.calm], [one.address_key for one in self.calm]
        with reading(self.context.engine) as connection:
            people = connection.execute(select(subscribers).where(subscribers.c.id.in_(ids))).all()
            held = connection.execute(select(suppressions).where(suppressions.c.address_key.in_(keys))).all()
            done = [
                row
                for table in (launch_conversions, launch_mutes)
                for row in connection.execute(select(table).where(table.c.subscriber_id.in_(ids)))
            ]
        return [list(map(tuple, rows)) for rows in (people, held, done)]

    def close(self) -> None:
        """Close the database."""
        self.context.engine.dispose()


def make_request(ground: Ground, seed: str, number: int) -> dict[str, Any]:
    """The WSGI environment of one request: the same for the same seed and number."""
    draw = random.Random(f"{seed}-{number}")
    path, query = _path(draw, ground.tokens), _odd(draw) if draw.random() < 0.3 else ""
    body, kind = _body(draw)
    length = str(len(body)) if draw.random() < 0.9 else draw.choice(["", "-1", "0", "x", str(len(body) + 9), "9" * 30])
    environ: dict[str, Any] = {
        "REQUEST_METHOD": draw.choice(METHODS),
        "SCRIPT_NAME": "",
        "PATH_INFO": _latin(path),
        "QUERY_STRING": _latin(f"r={query}" if draw.random() < 0.5 else query),
        "SERVER_NAME": "letters.example.com",
        "SERVER_PORT": "443",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": draw.choice(["198.51.100.7", "127.0.0.1", "::1", "", "unix:", f"203.0.{draw.randrange(256)}.9"]),
        "CONTENT_TYPE": _latin(kind),
        "CONTENT_LENGTH": length,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "https",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "HTTP_HOST": "letters.example.com",
    }
    if path.startswith(HOOK) and draw.random() < 0.7:  # a shop that signs rightly, whatever it says
        body = _said(draw) if draw.random() < 0.7 else body
        environ |= {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body)), "REQUEST_METHOD": "POST"}
        at = OPEN + timedelta(seconds=draw.choice([0, 0, 0, 100, -299, 400]))
        environ |= {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in signed(body, at).items()}
    for _ in range(draw.randrange(4)):
        environ["HTTP_" + draw.choice(HEADERS).upper().replace("-", "_")] = _latin(_odd(draw))
    return environ


def _said(draw: random.Random) -> bytes:
    """What a shop says: about readers whose links the fuzzer has, strangers, or nothing that can be understood."""
    address = draw.choice(
        ["used@example.com", "USED@example.com ", "nobody@example.com", _odd(draw), None, 7, ["a@b"], {}]
    )
    said = draw.choice(
        [
            {"address": address},
            {"address": address, "how": draw.choice(["applied", "bought", _odd(draw)])},
            [address],
            address,
        ]
    )
    return json.dumps(said).encode("utf-8", "surrogatepass")


def look(ground: Ground, environ: dict[str, Any]) -> Iterator[str]:
    """What is wrong with the answer; nothing, where it keeps its promises."""
    began = time.monotonic()
    pieces, status, headers = run_wsgi_app(ground.app, dict(environ), buffered=True)
    page = b"".join(pieces)
    took = time.monotonic() - began
    code = int(status.split()[0])
    if code >= 500 and code != CALM:
        yield f"status {status}"
    if took > SLOWEST:
        yield f"took {took:.1f} s"
    if not headers.get("Set-Cookie", f"{COOKIE}=").startswith(f"{COOKIE}="):
        yield "sets another cookie"
    if MARK.encode() in page or b"<script>alert(1)" in page:
        yield "shows what a stranger typed as markup"
    if "Location" in headers and not _may_lead_to(headers["Location"]):
        yield "redirects elsewhere"
    for name in ("Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy"):
        if name not in headers:
            yield f"lacks {name}"
    if len(page) > 1_000_000:
        yield f"{len(page):,} bytes"


def _may_lead_to(address: str) -> bool:
    return address == FORWARD or address.startswith(("/", "https://letters.example.com/"))


def fuzz(seed: str, requests: int, tell: Callable[[str], None] = lambda _: None) -> list[tuple[int, str]]:
    """So many requests; the number of each that failed, and how. 0 stands for what is found at the end."""
    failures: list[tuple[int, str]] = []
    answers: collections.Counter[str] = collections.Counter()
    with tempfile.TemporaryDirectory(prefix="bs-fuzz-") as folder:
        ground = Ground(Path(folder))
        try:
            for number in range(1, requests + 1):
                environ = make_request(ground, seed, number)
                try:
                    failures += [(number, broken) for broken in look(ground, environ)]
                except Exception as raised:  # what leaves the application ends a server's thread
                    failures.append((number, f"raised {type(raised).__name__}: {raised}"[:300]))
                answers[
                    environ["REQUEST_METHOD"] if environ["REQUEST_METHOD"] in ("GET", "POST", "HEAD") else "other"
                ] += 1
                if number % 5_000 == 0:
                    tell(f"  {number:,} of {requests:,}, {len(failures)} failed")
            if ground.state() != ground.before:
                failures.append((0, "a reader whose links were never used has changed"))
        finally:
            ground.close()
    tell("  " + ", ".join(f"{count:,} {method}" for method, count in sorted(answers.items())))
    return failures


def _path(draw: random.Random, tokens: list[str]) -> str:
    token = draw.choice(tokens)
    match draw.randrange(8):
        case 0 | 1:
            return token
        case 2:
            at = draw.randrange(len(token))
            return token[:at] + draw.choice(["", "A", "-", "=", " ", "é"]) + token[at + draw.randrange(3) :]
        case 3:
            return draw.choice(["/u/", "/m/", "/c/", "/b/", "/a/", "/n/", "/r/"]) + token[3:]
        case 4:
            starts = ["/u/", "/m/", "/c/", "/b/", "/a/", "/n/", "/r/", HOOK, "/ops/", "/static/"]
            return draw.choice(starts) + _odd(draw)
            return draw.choice(["/u/", "/m/", "/c/", "/b/", "/a/", "/f/", "/r/"]) + token[3:]
        case 4:
            return draw.choice(["/u/", "/m/", "/c/", "/b/", "/a/", "/f/", "/r/", "/ops/", "/static/"]) + _odd(draw)
        case 5:
            return draw.choice(
                ["/subscribe"] * 6
                + [f"{HOOK}producer-groups"] * 6
                + ["/", "/healthz", "/ops", "/webhooks/sendgrid", "/static/pages.css"]
            )
        case 6:
            return draw.choice(
                ["", "//", "/" + _odd(draw), _odd(draw), "/subscribe/", "//evil.example/u/x", "/SUBSCRIBE"]
            )
        case _:
            return "/subscribe"


def _body(draw: random.Random) -> tuple[bytes, str]:
    kind = draw.choice(TYPES)
    match draw.randrange(6):
        case 0:
            return b"", kind
        case 1:
            return draw.randbytes(draw.randrange(2_000)), kind
        case 2:
            return b"a" * draw.choice([1_000, 70_000]), kind
        case 3:
            parts = "".join(
                f'--b\r\nContent-Disposition: form-data; name="{draw.choice(FIELDS)}"\r\n\r\n{_odd(draw)}\r\n'
                for _ in range(draw.randrange(5))
            )
            return (parts + draw.choice(["--b--\r\n", "--b", ""])).encode(
                "utf-8", "surrogatepass"
            ), "multipart/form-data; boundary=b"
        case _:
            fields = [f"{draw.choice(FIELDS)}={_odd(draw)}" for _ in range(draw.randrange(6))]
            whole = draw.choice(["&", "&", ";", "&&"]).join(fields)
            return whole.encode("utf-8", "surrogatepass"), "application/x-www-form-urlencoded"


def _odd(draw: random.Random) -> str:
    return draw.choice(ODD) if draw.random() < 0.8 else draw.choice(ODD) + draw.choice(ODD)


def _latin(text: str) -> str:
    """Text as WSGI holds it: bytes as Latin-1."""
    return text.encode("utf-8", "surrogatepass").decode("latin-1")


def main() -> None:
    """Run, print counts and seed; exit code 1 where anything failed."""
    parser = argparse.ArgumentParser(prog="make fuzz-routes")
    parser.add_argument("--requests", type=int, default=50_000)
    parser.add_argument("--seed", default=secrets.token_hex(4))
    parser.add_argument("--only", type=int, help="one request of the seed, with what it breaks")
    given = parser.parse_args()
    if given.only is not None:
        with tempfile.TemporaryDirectory(prefix="bs-fuzz-") as folder:
            ground = Ground(Path(folder))
            environ = make_request(ground, given.seed, given.only)
            print({name: value for name, value in environ.items() if not name.startswith("wsgi.")})
            print("body:", environ["wsgi.input"].getvalue()[:500])
            print(*(list(look(ground, environ)) or ["holds"]), sep="\n")
            ground.close()
        return
    began = time.monotonic()
    print(f"{given.requests:,} requests, seed {given.seed}", flush=True)
    failures = fuzz(given.seed, given.requests, lambda line: print(line, flush=True))
    for number, broken in failures[:20]:
        print(f"{broken}\n  again: make fuzz-routes ARGS='--seed {given.seed} --only {number}'")
    took = time.monotonic() - began
    print(f"fuzz-routes: {given.requests:,} requests in {took:.0f} s, {len(failures)} failed; seed {given.seed}")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
