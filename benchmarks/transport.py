"""Requests per second to a bare loopback server: our transport, and the official client as it is shipped.

The server only reads and answers 202, so the figures are about clients. Over TLS the difference is larger: the
client as shipped also reads its CA bundle and shakes hands on every call.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
from sendgrid import SendGridAPIClient

from tests.support.certificates import make_certificate
from tests.support.sockets import read_request
from tests.support.submissions import KEY, make_addressee, make_submission
from worker.domain.delivery import Recipient
from worker.domain.edition import MergeName, MergeTag, Place
from worker.providers.base import Accepted, Submission
from worker.providers.sendgrid import SendGrid
from worker.providers.sendgrid_limits import over_limit
from worker.providers.sendgrid_payload import build_payload
from worker.render.links import Signer
from worker.render.merge import MergeWriter

SECONDS = 1.5
ANSWER = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nX-Message-Id: bench\r\n\r\n"
TAGS = (
    MergeTag("-bs00h-", MergeName.FIRST_NAME, "there", Place.HTML),
    MergeTag("-bs01t-", MergeName.FIRST_NAME, "there", Place.TEXT),
    MergeTag("-bs02h-", MergeName.UNSUBSCRIBE_LINK, "", Place.HTML),
    MergeTag("-bs03h-", MergeName.MANAGE_LINK, "", Place.HTML),
)


@contextlib.contextmanager
def bare_server(context: object = None) -> Iterator[str]:
    """A server in a process of its own that reads requests and answers 202 as long as a client keeps its connection."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)

    def serve(connection: socket.socket) -> None:
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            if context is not None:
                connection = context.wrap_socket(connection, server_side=True)
            stack.callback(connection.close)
            while read_request(connection):
                connection.sendall(ANSWER)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    server = multiprocessing.get_context("fork").Process(target=accept, daemon=True)
    server.start()
    try:
        yield f"{'https://localhost' if context else 'http://127.0.0.1'}:{listener.getsockname()[1]}"
    finally:
        server.terminate()
        server.join()
        listener.close()


def rate(call: Callable[[], object], seconds: float = SECONDS) -> float:
    """Calls per second, after one to warm up."""
    call()
    count, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        call()
        count += 1
    return count / (time.perf_counter() - began)


def best_ms(call: Callable[[], object], rounds: int = 50) -> float:
    """The fastest of so many rounds, in milliseconds."""
    best = float("inf")
    for _ in range(rounds):
        began = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - began)
    return best * 1000


def submission_of(count: int) -> Submission:
    """33 kB of mail to so many readers with four merge values each."""
    writer = MergeWriter(TAGS, "https://letters.example.com", Signer("an invented secret"), 7, None)
    addressees = []
    for number in range(count):
        recipient = Recipient(number, number, f"reader{number}@example.com", "Zoë Quill", f"code{number}")
        values, url = writer.write(recipient)
        addressees.append(make_addressee(number, unsubscribe_url=url)._replace(values=values))
    return make_submission(addressees=tuple(addressees), html="<p>Hello -bs00h-</p>" * 1250, text="Hello " * 1300)


def submit(provider: SendGrid, submission: Submission) -> None:
    """One submission; anything but acceptance would make the figure meaningless."""
    answer = provider.submit(submission)
    if not isinstance(answer, Accepted):
        raise RuntimeError(f"the benchmark's server answered {answer}")


def compare(url: str, label: str) -> None:
    """Both clients, one reader and a thousand, against one server."""
    ours = SendGrid(KEY, url, 20)
    shipped = SendGridAPIClient(api_key=KEY, host=url)
    for count in (1, 1000):
        submission = submission_of(count)
        message = orjson.loads(build_payload(submission))
        theirs = rate(lambda message=message: shipped.send(message))
        mine = rate(lambda submission=submission: submit(ours, submission))
        print(
            f"{label:5} {count:>5} readers   as shipped {theirs:8.0f} req/s   ours {mine:8.0f} req/s"
            f"   {mine / theirs:5.1f} x   {mine * count:>10,.0f} readers/s"
        )


def parts() -> None:
    """What one batch of a thousand costs before it is sent."""
    submission = submission_of(1000)
    writer = MergeWriter(TAGS, "https://letters.example.com", Signer("an invented secret"), 7, None)
    recipients = [Recipient(n, n, f"reader{n}@example.com", "Zoë Quill", f"code{n}") for n in range(1000)]
    body = build_payload(submission)
    print(f"merge values of 1,000       {best_ms(lambda: [writer.write(r) for r in recipients]):6.2f} ms")
    print(
        f"their size looked at        {best_ms(lambda: [over_limit(a.values) for a in submission.addressees]):6.2f} ms"
    )
    print(f"payload built and written   {best_ms(lambda: build_payload(submission)):6.2f} ms   {len(body):,} bytes")
    print(f"yardstick: orjson round trip {best_ms(lambda: orjson.dumps(orjson.loads(body))):5.2f} ms")


def main() -> None:
    """Print the comparison."""
    parts()
    with bare_server() as url:
        compare(url, "http")
    with tempfile.TemporaryDirectory() as folder:
        certificate, context = make_certificate(Path(folder))
        with trusted(certificate), bare_server(context) as url:
            compare(url, "https")


@contextlib.contextmanager
def trusted(certificate: Path) -> Iterator[None]:
    """OpenSSL's default trust store is this certificate."""

    before = os.environ.get("SSL_CERT_FILE")
    os.environ["SSL_CERT_FILE"] = str(certificate)
    try:
        yield
    finally:
        if before is None:
            del os.environ["SSL_CERT_FILE"]
        else:
            os.environ["SSL_CERT_FILE"] = before


if __name__ == "__main__":
    main()
