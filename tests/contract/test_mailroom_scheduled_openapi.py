"""The mailroom's answers about scheduled mail, and the provider's requests, against the official OpenAPI."""

import json
from pathlib import Path

import jsonschema_rs
import orjson
import pytest

from tests.support.mail_requests import NOW
from tests.support.mailroom import Sender
from tests.support.submissions import KEY
from worker.mailroom.options import MailroomOptions
from worker.mailroom.server import Mailroom
from worker.providers.scheduled import Declined, Done, Reserved, Waiting
from worker.providers.sendgrid import SendGrid
from worker.providers.sendgrid_scheduled import SendGridScheduler

SPEC = Path(__file__).parents[3] / "shared" / "data" / "sendgrid-oai"
SENDS = "/v3/user/scheduled_sends"

pytestmark = pytest.mark.skipif(
    not SPEC.is_dir(), reason=f"the official OpenAPI is not beside the project ({SPEC.name})"
)


@pytest.fixture(scope="module")
def documents():
    names = ("tsg_mail_v3", "tsg_scheduled_sends_v3", "tsg_scopes_v3", "tsg_webhooks_v3")
    return [json.loads((SPEC / f"{name}.json").read_text()) for name in names]


@pytest.fixture
def talk(documents):
    """`talk(method, path, body)`: asks a mailroom, and holds status and body against the document."""
    with Mailroom(MailroomOptions(clock=NOW)) as room:
        sender = Sender(room)

        def ask(method, path, body=None, template=None):
            status, headers, content = sender.ask(method, path, None if body is None else orjson.dumps(body))
            held_against(documents, method, template or path, status, headers, content)
            return status, orjson.loads(content) if content else None

        yield ask
        sender.connection.close()


def held_against(documents, method, template, status, headers, content):
    document = next(one for one in documents if template in one["paths"])
    answers = document["paths"][template][method.lower()]["responses"]
    assert str(status) in answers, f"{method} {template} never answers {status}"
    described = resolved(document, answers[str(status)]).get("content", {}).get("application/json")
    if described is None:
        assert content == b""
        return
    assert headers["Content-Type"].startswith("application/json")
    schema = {"allOf": [described["schema"]], "components": document["components"]}
    sent = orjson.loads(content)
    for error in sent.get("errors", ()) if isinstance(sent, dict) else ():
        assert error.pop("help") is None  # SendGrid sends null where the document says object
        if error["field"] is None:  # and so it is with the field: `nullable` is no word of OpenAPI 3.1
            del error["field"]
    assert jsonschema_rs.validator_for(schema).is_valid(sent), sent


def resolved(document, node):
    while "$ref" in node:
        place = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            place = place[part]
        node = place
    return node


def test_every_answer_is_one_the_document_knows(talk):
    one = f"{SENDS}/{{batch_id}}"
    batch_id = talk("POST", "/v3/mail/batch")[1]["batch_id"]
    assert talk("GET", f"/v3/mail/batch/{batch_id}", template="/v3/mail/batch/{batch_id}")[0] == 200
    assert talk("GET", "/v3/mail/batch/nobody", template="/v3/mail/batch/{batch_id}")[0] == 400
    assert talk("GET", SENDS) == (200, [])
    assert talk("GET", f"{SENDS}/{batch_id}", template=one) == (200, [])
    assert talk("PATCH", f"{SENDS}/{batch_id}", {"status": "cancel"}, template=one)[0] == 404
    assert talk("POST", SENDS, {"batch_id": batch_id, "status": "pause"})[0] == 201
    assert talk("POST", SENDS, {"batch_id": batch_id, "status": "cancel"})[0] == 400
    assert talk("PATCH", f"{SENDS}/{batch_id}", {"status": "cancel"}, template=one)[0] == 204
    assert talk("GET", SENDS)[1] == [{"batch_id": batch_id, "status": "cancel"}]
    assert talk("GET", f"{SENDS}/{batch_id}", template=one)[0] == 200
    assert talk("DELETE", f"{SENDS}/{batch_id}", template=one)[0] == 204
    assert talk("DELETE", f"{SENDS}/{batch_id}", template=one)[0] == 404


def test_what_the_account_says_is_as_the_document_has_it(talk):
    assert "mail.send" in talk("GET", "/v3/scopes")[1]["scopes"]
    assert talk("GET", "/v3/user/webhooks/event/settings/all")[1]["webhooks"] == [{}]


@pytest.mark.parametrize(
    "body",
    [{}, {"batch_id": "x"}, {"status": "cancel"}, {"batch_id": "x", "status": "stop"}, {"batch_id": 7, "status": "cancel"}, []],
)  # fmt: skip
def test_what_the_document_refuses_the_mailroom_refuses(talk, documents, body):
    document = documents[1]
    content = document["paths"][SENDS]["post"]["requestBody"]["content"]["application/json"]["schema"]
    schema = {"allOf": [content], "components": document["components"]}
    assert not jsonschema_rs.validator_for(schema).is_valid(body)
    assert talk("POST", SENDS, body)[0] == 400


def test_the_providers_questions_are_the_documents_and_get_what_they_ask_for():
    with Mailroom(MailroomOptions(clock=NOW)) as room:
        scheduler = SendGridScheduler(SendGrid(KEY, room.url, 5.0).api)
        reserved = scheduler.reserve()
        assert isinstance(reserved, Reserved)
        assert scheduler.read(reserved.batch_id) is Waiting.GOES
        assert [scheduler.cancel(reserved.batch_id) for _ in range(2)] == [Done(), Done()]
        assert scheduler.read(reserved.batch_id) is Waiting.CANCELLED
        assert [scheduler.free(reserved.batch_id) for _ in range(2)] == [Done(), Done()]
        assert scheduler.read(reserved.batch_id) is Waiting.GOES


def test_the_providers_eleventh_cancellation_is_declined_as_full():
    with Mailroom(MailroomOptions(clock=NOW)) as room:
        scheduler = SendGridScheduler(SendGrid(KEY, room.url, 5.0).api)
        ids = [scheduler.reserve().batch_id for _ in range(11)]
        found = [scheduler.cancel(one) for one in ids]
        assert found[:10] == [Done()] * 10
        assert isinstance(found[10], Declined)
        assert found[10].full
        assert scheduler.cancel(ids[0]) == Done()
        unknown = scheduler.cancel("never-reserved")
        assert isinstance(unknown, Declined)


def test_a_pause_set_elsewhere_becomes_a_cancellation():
    with Mailroom(MailroomOptions(clock=NOW)) as room:
        api = SendGrid(KEY, room.url, 5.0).api
        scheduler = SendGridScheduler(api)
        batch_id = scheduler.reserve().batch_id
        api.call("POST", ("user", "scheduled_sends"), body={"batch_id": batch_id, "status": "pause"})
        assert scheduler.read(batch_id) is Waiting.PAUSED
        assert scheduler.cancel(batch_id) == Done()
        assert scheduler.read(batch_id) is Waiting.CANCELLED
