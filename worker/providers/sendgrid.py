"""SendGrid as a Provider: a submission becomes one POST, and every way the POST can end becomes an Answer.

Payload, limits, transport, and the reading of answers live in the modules beside this one. Nothing here is logged and
nothing is tried twice: what an answer leads to is the ledger's decision.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from worker.providers.base import Answer, Refused, Submission, Unavailable, Unknown
from worker.providers.sendgrid_answers import read_answer
from worker.providers.sendgrid_api import SendGridApi, open_client
from worker.providers.sendgrid_limits import PayloadError
from worker.providers.sendgrid_payload import build_payload
from worker.providers.sendgrid_transport import CallFailed


class SendGrid:
    """Submits through the official client on a keep-alive transport. Opens nothing until asked; survives a fork."""

    def __init__(self, api_key: str, api_url: str, deadline_seconds: float, sandbox: bool = False) -> None:
        """`sandbox`: SendGrid validates every submission and delivers none. Raises SettingsError, never quoting the key."""
        self._sandbox = sandbox
        self._client = open_client(api_key, api_url, deadline_seconds)
        #: Every other call of SendGrid's API, over the same connections.
        self.api = SendGridApi(self._client)

    def submit(self, submission: Submission) -> Answer:
        """Post once and say what is known. A submission that breaks SendGrid's limits is refused here, with status 0."""
        if self._sandbox and not submission.sandbox:
            submission = replace(submission, sandbox=True)
        try:
            body = build_payload(submission)
        except PayloadError as wrong:
            # A value, not an exception: nothing was sent, and the ledger must know that as surely as after a 400.
            return Refused(wrong.kind, 0, wrong.what)
        try:
            reply = self._client.mail.send.post(request_body=body)
        except CallFailed as failed:
            return Unknown(failed.reason) if failed.sent_whole else Unavailable(failed.reason)
        return read_answer(
            reply, addressees=len(submission.addressees), sandbox=submission.sandbox, now=datetime.now(UTC)
        )
