"""How bytes reach SendGrid: the official client over a keep-alive connection, one attempt, one total deadline.

The client as shipped opens a connection per call, has no time-out, follows redirects with the key, keeps a call's
headers for later calls and writes key and payload to its debug log. None of that happens here: its `Client` is
subclassed down to where a request is made. What an answer means is sendgrid_answers' business.
"""

from __future__ import annotations

import http.client
import logging
import os
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import urllib3
from python_http_client.client import Client

from worker.domain.web_address import taken_apart
from worker.providers.sendgrid_connection import CALL, Call, PlainConnection, TlsConnection
from worker.providers.sendgrid_failures import failure_reason

ANSWER_BYTES = 1_000_000  # more of an answer is not read: 1,000 named rows are about 200 kB
POOLED = 4  # connections kept; threads beyond that open and close their own


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete answer. `headers` is read without regard to case; `sent_whole` as in CallFailed.

    `broken` says why the body is not all there, and is empty where it is.
    """

    status_code: int
    headers: Mapping[str, str]
    body: bytes
    sent_whole: bool
    broken: str = ""


class CallFailed(Exception):
    """No answer. `sent_whole` is False only if the request's last byte was never handed to the kernel."""

    def __init__(self, reason: str, *, sent_whole: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.sent_whole = sent_whole


class Transport:
    """A small pool of connections to one host. Safe in threads; after a fork the child opens its own.

    Proxies of the environment are not used, redirects not followed, nothing is tried twice.
    """

    def __init__(self, url: str, deadline_seconds: float, connect_seconds: float = 5.0) -> None:
        parts = taken_apart(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("the API's address must start with http:// or https:// and name a host")
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._host, self._port = parts.hostname, parts.port
        self._deadline_seconds = deadline_seconds
        self._connect_seconds = min(connect_seconds, deadline_seconds)
        # Once: reading the CA bundle takes 17 ms. A context may be shared by threads and forks.
        self._context = ssl.create_default_context() if parts.scheme == "https" else None
        self._pool, self._pid = self._new_pool(), os.getpid()
        # Their lines hold URLs and pieces of broken answers, which may quote a reader's address.
        for noisy in ("urllib3.connectionpool", "urllib3.connection"):
            logging.getLogger(noisy).disabled = True

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None = None,
        deadline_seconds: float | None = None,
    ) -> Reply:
        """One attempt. Ends within the deadline, name look-up and TLS included. Raises CallFailed without an answer."""
        if not url.startswith(self._origin + "/"):
            raise ValueError("this transport talks to one host only")
        if self._pid != os.getpid():
            self._pool, self._pid = self._new_pool(), os.getpid()
        seconds = deadline_seconds or self._deadline_seconds
        call = Call(ends_at=time.monotonic() + seconds, connect_seconds=min(self._connect_seconds, seconds))
        entered = CALL.set(call)
        try:
            response = self._pool.urlopen(
                method,
                url.removeprefix(self._origin),
                body=body,
                headers=dict(headers),
                retries=False,
                redirect=False,
                preload_content=False,
                timeout=seconds,  # every wait is shortened to what is left of the call; see sendgrid_connection
            )
            return _read(response, call)
        except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError) as failure:
            # `from None`: what is chained may quote what was sent or answered.
            raise CallFailed(failure_reason(failure, call), sent_whole=call.sent_whole) from None
        finally:
            CALL.reset(entered)

    def close(self) -> None:
        """Close idle connections; a later request opens new ones."""
        self._pool.close()
        self._pool = self._new_pool()

    def _new_pool(self) -> urllib3.HTTPConnectionPool:
        if self._context is None:
            plain = urllib3.HTTPConnectionPool(self._host, self._port, maxsize=POOLED)
            plain.ConnectionCls = PlainConnection
            return plain
        secure = urllib3.HTTPSConnectionPool(
            self._host, self._port, maxsize=POOLED, ssl_context=self._context, cert_reqs="CERT_REQUIRED"
        )
        secure.ConnectionCls = TlsConnection
        return secure


def _read(response: urllib3.BaseHTTPResponse, call: Call) -> Reply:
    """The bounded body. A body that breaks off still leaves a status, which may say all there is to know."""
    body, broken = b"", ""
    try:
        body = response.read(ANSWER_BYTES + 1)
    except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError) as failure:
        broken = failure_reason(failure, call)
    if broken or len(body) > ANSWER_BYTES:
        response.close()
    else:
        response.release_conn()
    return Reply(response.status, response.headers, body[:ANSWER_BYTES], call.sent_whole, broken)


class KeepAliveClient(Client):
    """The official fluent client (`client.mail.send.post(request_body=...)`) on a Transport.

    Differs from its parent on purpose: every status comes back as a Reply instead of an exception, `request_body`
    may be bytes (sent as they are), headers of a call end with the call, and nothing is logged.
    """

    def __init__(self, transport: Transport, **settings: Any) -> None:
        super().__init__(**settings)  # type: ignore[no-untyped-call]  # the package is untyped
        self._transport = transport

    def _build_client(self, name: str | None = None) -> KeepAliveClient:
        return KeepAliveClient(
            self._transport,
            host=self.host,
            request_headers=self.request_headers,
            version=self._version,
            url_path=[*self._url_path, name] if name else self._url_path,
            append_slash=self.append_slash,
            timeout=self.timeout,
        )

    def _(self, name: str) -> KeepAliveClient:
        """The client one part of the path further; `name` is taken as it is."""
        return self._build_client(name)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # copy and pickle ask for these; they are no part of a URL
            raise AttributeError(name)
        if name not in self.methods:
            return super().__getattr__(name)  # type: ignore[no-untyped-call]

        def call(
            request_body: Any = None,
            query_params: Mapping[str, Any] | None = None,
            request_headers: Mapping[str, str] | None = None,
            timeout: float | None = None,
        ) -> Reply:
            headers = {**self.request_headers, **(request_headers or {})}
            body = request_body
            if body is not None:
                headers.setdefault("Content-Type", "application/json")
                body = body if isinstance(body, bytes) else orjson.dumps(body)
            url = self._build_url(query_params)  # type: ignore[no-untyped-call]
            return self._transport.request(name.upper(), url, headers, body, timeout or self.timeout)

        return call
