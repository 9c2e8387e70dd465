"""Every v3 call but mail send: key, scope, JSON and fault, then whichever room of the mailroom answers it.

A room is an object with `answer(call)`; it returns None for a path that is not its own.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from worker.mailroom.exchange import NO_FAULT, Keys, exchange
from worker.mailroom.faults import error_body, json_answer
from worker.mailroom.script import Script
from worker.mailroom.wire import Answer, Request, Wire

_BODY_BYTES = 1024 * 1024
_NO_BODY = object()
_SCOPED = ("mail.batch", "user.scheduled_sends", "suppression", "asm.suppressions.global")
_VERBS = {"GET": "read", "POST": "create", "PATCH": "update", "DELETE": "delete"}


@dataclass(frozen=True, slots=True)
class Call:
    """A call below /v3. `parts` is its path in pieces, unescaped (`("mail", "batch")`).

    `body` is the decoded JSON, None without one. `does` False: answer as if, and change nothing.
    """

    method: str
    parts: tuple[str, ...]
    query: Mapping[str, str]
    body: Any
    does: bool


class Room(Protocol):
    """Answers some calls."""

    def answer(self, call: Call) -> Answer | None:
        """The answer, or None where the path is another room's."""
        ...


class Calls:
    """Serves every path below /v3 but mail send."""

    def __init__(
        self, rooms: Sequence[Room], script: Script, *, keys: Keys, scopes: Collection[str], stopping: threading.Event
    ) -> None:
        self._rooms = rooms
        self._script = script
        self._keys = keys
        self._scopes = frozenset(scopes)
        self._stopping = stopping

    def serve(self, wire: Wire, request: Request) -> bool:
        """Answer one request, or fail as scripted; whether the connection goes on."""
        fault = self._script.take(request.path, request.method) or NO_FAULT
        return exchange(
            wire,
            request,
            fault,
            lambda body, does: self._honest(request, body, does),
            most=_BODY_BYTES,
            stopping=self._stopping,
        )

    def _honest(self, request: Request, body: memoryview, does: bool) -> Answer:
        if not request.is_local:
            return json_answer(421, error_body("the mailroom is for this machine alone"))
        if not self._keys.good(request):
            return json_answer(401, error_body("authorization required"))
        content = _decoded(bytes(body))
        if content is _NO_BODY:
            return json_answer(400, error_body("invalid JSON"))
        parts = tuple(request.path.removeprefix("/v3/").split("/"))
        if not self._may(request.method, parts):
            return json_answer(403, error_body("access forbidden"))
        call = Call(request.method, parts, request.query, content, does)
        for room in self._rooms:
            if answer := room.answer(call):
                return answer
        return json_answer(404, error_body("not found"))

    def _may(self, method: str, parts: tuple[str, ...]) -> bool:
        """Whether the key's scopes allow it. Calls whose scope is not in the table are open to every key."""
        group = _scope_group(parts)
        return group not in _SCOPED or f"{group}.{_VERBS.get(method, 'read')}" in self._scopes


def _scope_group(parts: tuple[str, ...]) -> str:
    """What a scope is called without its verb: two parts of the path, but for the suppression lists."""
    return ".".join(parts[: {"suppression": 1, "asm": 3}.get(parts[0], 2)])


def _decoded(body: bytes) -> Any:
    if not body.strip():
        return None
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return _NO_BODY
