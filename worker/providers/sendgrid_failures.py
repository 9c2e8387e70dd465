"""Why a call has no answer, in words that are safe to log: never a quotation of what was sent or answered."""

from __future__ import annotations

import http.client
import ssl

from urllib3 import exceptions

from worker.providers.sendgrid_connection import Call


def failure_reason(failure: BaseException, call: Call) -> str:
    """One short sentence. The exception's own text is used only where it comes from this machine's system or TLS."""
    if isinstance(failure, exceptions.NameResolutionError):
        return "the API's host name could not be resolved"
    # urllib3 counts every failed connection as a kind of time-out.
    if isinstance(failure, exceptions.ConnectTimeoutError) and not isinstance(failure, exceptions.NewConnectionError):
        return "no connection within the time-out"
    causes = _causes(failure)
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"TLS: the certificate was not accepted ({cause.verify_message})"
        if isinstance(cause, ConnectionRefusedError):
            return "connection refused"
    if call.over:
        return "no complete answer within the deadline" if call.sent_whole else "not sent whole within the deadline"
    for cause in causes:
        match cause:
            case exceptions.NewConnectionError():
                return "no connection: the host cannot be reached"
            case ssl.SSLError():
                return f"TLS failed ({cause.reason or 'connection closed'})"
            case http.client.RemoteDisconnected():
                return _phased("the connection was closed without an answer", call)
            case http.client.BadStatusLine() | http.client.UnknownProtocol() | http.client.LineTooLong():
                return _phased("the answer was not HTTP", call)
            case http.client.IncompleteRead():
                return _phased("the answer broke off", call)
            case TimeoutError():
                return _phased("no answer in time", call)
            case ConnectionError():
                return _phased("the connection was reset", call)
    return _phased(f"the call failed ({type(failure).__name__})", call)


def _phased(what: str, call: Call) -> str:
    return what if call.sent_whole else f"{what}, before the request had left whole"


def _causes(failure: BaseException) -> list[BaseException]:
    """The failure and what urllib3 wrapped in it, outermost first."""
    found: list[BaseException] = []
    pending: list[object] = [failure]
    while pending:
        one = pending.pop(0)
        if isinstance(one, BaseException) and one not in found:
            found.append(one)
            pending += [*one.args, one.__cause__, one.__context__]
    return found
