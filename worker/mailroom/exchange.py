"""One request and its answer, with whatever fault the script holds for it. Knows no call: it is given the honest answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from worker.mailroom.faults import FOR_EVER, TOO_LARGE, Fault, reset_header
from worker.mailroom.wire import Answer, Request, Wire

NO_FAULT = Fault("none", accepts=True)

Honest = Callable[[memoryview, bool], Answer]


@dataclass(frozen=True, slots=True)
class Keys:
    """Which API keys are good; none: any that is not empty."""

    keys: Sequence[str] = field(repr=False)

    def good(self, request: Request) -> bool:
        """Whether a request carries one."""
        given = request.headers.get("authorization", "")
        if self.keys:
            return given.removeprefix("Bearer ") in self.keys and given.startswith("Bearer ")
        return given.startswith("Bearer ") and given.removeprefix("Bearer ").strip() not in ("", "None")


def exchange(
    wire: Wire,
    request: Request,
    fault: Fault,
    honest: Honest,
    *,
    most: int,
    stopping: threading.Event,
    latency_seconds: float = 0.0,
    answered: Callable[[int | str], None] = lambda _: None,
) -> bool:
    """Read at most `most` bytes, act, answer; whether the connection goes on.

    `honest(body, does)` is the answer without a fault; `does` says whether it may change anything. `answered` is told
    the status, or `"none"`.
    """
    if not fault.reads:
        answered("none")
        return False
    body = wire.body(request, most)
    truth = TOO_LARGE if body is None else honest(body, fault.accepts and not fault.discards)
    if fault.waits == FOR_EVER:
        answered("none")
        wire.until_closed()
        return False
    stopped = bool(latency_seconds or fault.waits) and stopping.wait(latency_seconds + fault.waits)
    if stopped or fault.drops or fault.raw:
        answered("none")
        if fault.raw and not stopped:
            wire.raw(fault.raw)
        return False
    answer = fault.answer or truth
    if fault.reset_seconds is not None:
        answer = replace(answer, headers={**answer.headers, **reset_header(fault, time.time())})
    answered(answer.status)
    go_on = request.keep_alive and body is not None
    wire.answer(answer, keep_alive=go_on)
    if body is None:
        wire.linger()
    return go_on
