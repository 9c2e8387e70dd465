"""The real WSGI application over a real database, asked through werkzeug's client; and a key that signs as SendGrid does."""

import base64
import json
from datetime import time

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.support.makers import NOW
from worker.config import Settings
from worker.context import Context
from worker.domain.publication import Publication, Slot
from worker.render.links import Signer
from worker.web.app import create_app

SECRET = "a secret of at least thirty-two letters"
PUBLICATION = Publication(
    name="The Slow Ladder",
    author="Mara Lindqvist",
    sender="mara@example.com",
    reply_to="write@example.com",
    postal_address="12 Quay Street, Porto",
    list_id="letters.example.com",
    language="en",
    home="https://example.com/",
    slot=Slot(0, time(7), "Europe/Lisbon"),
    description="One letter a week.",
    links={"subscribe": "https://example.com/join"},
)


class PressContext(Context):
    """A context whose publication is the one above; everything else is as in production."""

    publication = PUBLICATION


class Sender:
    """Signs bodies as SendGrid's signed event webhook does: ECDSA P-256 and SHA-256 over timestamp and raw body."""

    def __init__(self):
        self._private = ec.generate_private_key(ec.SECP256R1())
        encoded = self._private.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self.public_key = base64.b64encode(encoded).decode()

    def headers(self, body, at=NOW):
        timestamp = str(int(at.timestamp()))
        signature = self._private.sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))
        return {
            "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signature).decode(),
            "X-Twilio-Email-Event-Webhook-Timestamp": timestamp,
            "Content-Type": "application/json",
        }

    def post(self, client, events):
        body = json.dumps(events).encode()
        return client.post("/webhooks/sendgrid", data=body, headers=self.headers(body))


@pytest.fixture(scope="session")
def sender():
    return Sender()


@pytest.fixture
def make_context(tmp_path):
    made = []

    def make(database_url, **settings):
        fields = {"project": tmp_path, "database_url": database_url, "secret_key": SECRET} | settings
        made.append(PressContext(Settings(**fields)))
        return made[-1]

    yield make
    for context in made:
        if "engine" in context.__dict__:
            context.engine.dispose()


@pytest.fixture
def context(make_context, database_url, sender):
    """On both databases, with the event route open and the login set."""
    return make_context(database_url, sendgrid_webhook_public_key=sender.public_key, ops_password="open sesame")


@pytest.fixture
def client(context):
    return create_app(context, now=lambda: NOW).test_client()


@pytest.fixture
def signer():
    return Signer(SECRET)
