"""Every other v3 call beside mail send, over the same client, connections, deadline and rules.

One attempt, no redirect followed, nothing logged. What an answer means for its caller is the caller's business: here a
complete answer of any status is an `ApiAnswer`, and everything else is `ApiUnreached`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote

import orjson
from sendgrid.sendgrid import SendGridAPIClient

from worker.errors import SettingsError
from worker.providers.sendgrid_answers import error_texts, safe_reason
from worker.providers.sendgrid_transport import CallFailed, KeepAliveClient, Reply, Transport

Method = Literal["GET", "POST", "PATCH", "DELETE"]


@dataclass(frozen=True, slots=True)
class ApiAnswer:
    """A complete answer. `headers` is read without regard to case. The body may hold addresses: never log it."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def passing(self) -> bool:
        """Whether it says nothing about the request (408, 429, 5xx): the same call may be answered another time."""
        return self.status in (408, 429) or self.status >= 500

    def json(self) -> Any:
        """The decoded body; None where it is not JSON (or is `null`)."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return None

    def reason(self) -> str:
        """The status and SendGrid's own words for a refusal, safe to log and to show."""
        texts = "; ".join(text for _, text in error_texts(self.body))
        said = f"SendGrid answered {self.status}"
        return safe_reason(f"{said} ({texts})" if texts else said)


@dataclass(frozen=True, slots=True)
class ApiUnreached:
    """No complete answer; nobody knows whether the call was done. `status` where at least that came.

    `sent_whole` is False only if the request provably never left whole. `reason` is safe to log.
    """

    reason: str
    status: int | None = None
    sent_whole: bool = True


class SendGridApi:
    """Any call below /v3. Opens nothing until asked; safe in threads and after a fork."""

    def __init__(self, client: KeepAliveClient) -> None:
        self._client = client

    def call(
        self,
        method: Method,
        path: Sequence[str],
        *,
        body: Any = None,
        query: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> ApiAnswer | ApiUnreached:
        """`path` is what follows /v3, in its parts (`("asm", "suppressions", "global", address)`); each is escaped here.

        `body` is anything that JSON can hold, None for none. Ends within the client's total deadline.
        """
        if not path or "" in path or "." in path or ".." in path:
            raise ValueError("a path has parts, and none of them is empty or dots")
        node = self._client
        for part in path:
            node = node._(quote(part, safe=""))
        ask = getattr(node, method.lower())
        try:
            reply: Reply = ask(request_body=body, query_params=dict(query) if query else None, request_headers=headers)
        except CallFailed as failed:
            return ApiUnreached(failed.reason, sent_whole=failed.sent_whole)
        if reply.broken:
            return ApiUnreached(f"SendGrid answered {reply.status_code}, and {reply.broken}", reply.status_code)
        return ApiAnswer(reply.status_code, reply.headers, reply.body)


def open_client(api_key: str, api_url: str, deadline_seconds: float) -> KeepAliveClient:
    """The official client on a keep-alive transport of its own. Raises SettingsError, which never quotes the key."""
    if not api_key or not api_key.isascii() or not api_key.isprintable() or " " in api_key:
        # The official client would take an empty key from the environment; http.client would quote a broken one.
        raise SettingsError(["SENDGRID_API_KEY: is empty or holds characters that no key has"])
    try:
        transport = Transport(api_url, deadline_seconds)
    except ValueError as wrong:
        raise SettingsError([f"SENDGRID_API_URL: {wrong}"]) from None
    official = SendGridAPIClient(api_key=api_key, host=api_url.rstrip("/"))  # type: ignore[no-untyped-call]
    return KeepAliveClient(transport, host=official.host, request_headers=official.client.request_headers, version=3)
