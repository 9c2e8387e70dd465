"""The mailroom's answers about suppression lists, and the provider's requests, against the official OpenAPI."""

import json

import orjson
import pytest

from tests.contract.test_mailroom_scheduled_openapi import SPEC, held_against
from tests.support.mailroom import Sender
from worker.mailroom.options import MailroomOptions
from worker.mailroom.server import Mailroom

UNIX = 1_794_816_000

pytestmark = pytest.mark.skipif(
    not SPEC.is_dir(), reason=f"the official OpenAPI is not beside the project ({SPEC.name})"
)


@pytest.fixture(scope="module")
def documents():
    return [json.loads((SPEC / "tsg_suppressions_v3.json").read_text())]


@pytest.fixture
def talk(documents):
    with Mailroom(MailroomOptions()) as room:
        sender = Sender(room)
        for name, more in (
            ("bounces", {"status": "5.1.1", "reason": "550 5.1.1 unknown"}),
            ("blocks", {"status": "4.7.1", "reason": "421 too much"}),
            ("invalid_emails", {"reason": "Mail domain mentioned in email address is unknown"}),
            ("spam_reports", {"ip": "192.0.2.7"}),
            ("unsubscribes", {}),
        ):
            room.suppressions.add(name, "ada@example.com", UNIX, **more)

        def ask(method, path, body=None, template=None):
            status, headers, content = sender.ask(method, path, None if body is None else orjson.dumps(body))
            held_against(documents, method, template or path.partition("?")[0], status, headers, content)
            return status

        yield ask
        sender.connection.close()


@pytest.mark.parametrize("name", ["bounces", "blocks", "invalid_emails", "spam_reports", "unsubscribes"])
def test_pages_are_as_documented(talk, name):
    assert talk("GET", f"/v3/suppression/{name}?limit=500&offset=0&start_time=1&end_time={UNIX}") == 200


@pytest.mark.parametrize("name", ["bounces", "blocks", "invalid_emails", "spam_reports"])
def test_one_address_is_read_and_taken_off_as_documented(talk, name):
    one = f"/v3/suppression/{name}/{{email}}"
    assert talk("GET", f"/v3/suppression/{name}/ada@example.com", template=one) == 200
    assert talk("DELETE", f"/v3/suppression/{name}/ada@example.com", template=one) == 204
    assert talk("DELETE", f"/v3/suppression/{name}", {"delete_all": True}) == 204


def test_the_global_list_is_kept_as_documented(talk):
    path = "/v3/asm/suppressions/global"
    assert talk("POST", path, {"recipient_emails": ["zoe@example.com"]}) == 201
    assert talk("GET", f"{path}/zoe@example.com", template=f"{path}/{{email}}") == 200
    assert talk("DELETE", f"{path}/zoe@example.com", template=f"{path}/{{email}}") == 204
