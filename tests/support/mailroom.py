"""A real mailroom per test, in this process, on a free port.

Use `pytest_plugins = ["tests.support.mailroom"]` in a conftest, or import the fixture. `mailroom.url` is where to
send; `mailroom.script_faults(faults.late(2))` scripts what goes wrong; `messages(mailroom)` is what readers would get.
"""

import http.client
from urllib.parse import urlsplit

import orjson
import pytest

from worker.mailroom.options import MailroomOptions
from worker.mailroom.server import Mailroom


@pytest.fixture
def mailroom(tmp_path):
    """Keeps messages in a folder of its own; any Bearer key is good; posts no events."""
    with Mailroom(MailroomOptions(keep=tmp_path / "mailroom")) as room:
        yield room


@pytest.fixture
def start_mailroom(tmp_path):
    """`start_mailroom(latency_seconds=0.1, ...)`: mailrooms with options of one's own, stopped after the test."""
    rooms = []

    def start(**options):
        options.setdefault("keep", tmp_path / f"mailroom{len(rooms)}")
        rooms.append(Mailroom(MailroomOptions(**options)))
        rooms[-1].start()
        return rooms[-1]

    yield start
    for room in rooms:
        room.stop()


def messages(room):
    """Every message kept so far, oldest first, as dicts (see worker/mailroom/message.py)."""
    return list(room.inbox.messages())


def kept_messages(folder):
    """The messages a mailroom in another process has kept in its folder so far, oldest first."""
    lines = (folder / "messages.jsonl").read_bytes().split(b"\n")
    return [orjson.loads(line) for line in lines[:-1]]  # what follows the last line end is still being written


def messages_to(room, address):
    """The messages of one address, oldest first, whatever its case."""
    return [one for one in messages(room) if one["to"].lower() == address.lower()]


HEADERS = {"Authorization": "Bearer SG.a-key-of-the-tests", "Content-Type": "application/json"}


class Sender:
    """A plain client: `post(body)` gives status, headers, body; the connection is kept as long as the server does."""

    def __init__(self, room):
        url = urlsplit(room.url)
        self.connection = http.client.HTTPConnection(url.hostname, url.port, timeout=10)

    def ask(self, method, path, body=None, headers=HEADERS):
        self.connection.request(method, path, body, headers)
        answer = self.connection.getresponse()
        return answer.status, answer.headers, answer.read()

    def post(self, body, headers=HEADERS):
        return self.ask("POST", "/v3/mail/send", body if isinstance(body, bytes) else orjson.dumps(body), headers)
