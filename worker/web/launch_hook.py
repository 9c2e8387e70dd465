"""Signed calls about a launch: a shop or a form says who bought or applied. Closed unless a secret is set for that launch.

The address is in the body and nowhere else: not in the web address, not in a log line, not in an answer. Whether it is a
reader's the answer does not say.
"""

from __future__ import annotations

import json
import logging
from typing import Literal

from flask import request
from flask.typing import ResponseReturnValue

from worker.domain.signed_call import verify
from worker.errors import SignatureError
from worker.logs import say
from worker.sources import read_readable_launches
from worker.usecases.take_conversion import Taken, take_conversion
from worker.web.site import Site

log = logging.getLogger("broadsheet.launches")

STAMP_HEADER = "X-Broadsheet-Timestamp"
SIGNATURE_HEADER = "X-Broadsheet-Signature"
BODY_LIMIT = 8 * 1024  # bytes: an address, and whatever else a shop says beside it


class NotUnderstood(ValueError):
    """A body that names nobody, in words for whoever wrote the call."""


def receive(site: Site, launch_id: str) -> ResponseReturnValue:
    """204 taken, 400 not understood, 401 not signed, or too long ago, 403 no secret is set, 404 no such launch, 409 taken
    before, 413 too large, 415 compressed."""
    secrets = site.context.settings.hook_secrets(launch_id)
    if not secrets:
        return _refuse("no secret is set", "no secret is set here for this launch", 403)
    if request.headers.get("Content-Encoding", "identity").strip().lower() not in ("identity", ""):
        return _refuse("compressed", "the body must not be compressed", 415)
    request.max_content_length = BODY_LIMIT
    body = request.get_data(cache=False)  # the bytes as sent: a signature does not survive parsing
    stamp, written = request.headers.get(STAMP_HEADER), request.headers.get(SIGNATURE_HEADER)
    try:
        signature = verify(secrets, stamp, written, body, site.now())
    except SignatureError as forged:
        return _refuse(forged.what, forged.what, 401)
    launches, broken = read_readable_launches(site.context.settings.project)
    if launch_id not in launches:
        if broken:
            raise broken[0]  # it may be there: whoever calls is to try again
        return _refuse("no such launch", "there is no such launch", 404)
    try:
        address, how = _read(body)
        taken = take_conversion(site.context.engine, launch_id, address, how, signature, site.now())
    except NotUnderstood as wrong:
        return _refuse(str(wrong), str(wrong), 400)
    except ValueError:
        return _refuse("no address", "address is no mail address", 400)
    if taken is Taken.REPLAYED:
        return _refuse("replayed", "this very call was taken before", 409)
    say(log, logging.INFO, "conversion taken", launch=launch_id, outcome=taken.value)
    return "", 204


def _read(body: bytes) -> tuple[str, Literal["applied", "bought"]]:
    """The address and how they converted; anything else in the body is left alone."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        raise NotUnderstood("the body is no JSON") from None
    address = said.get("address") if isinstance(said, dict) else None
    if not isinstance(address, str):
        raise NotUnderstood('the body is no object with an address: {"address": "reader@example.com"}')
    match said.get("how", "bought"):
        case "bought":
            return address, "bought"
        case "applied":
            return address, "applied"
    raise NotUnderstood("how is neither bought nor applied")


def _refuse(why: str, words: str, status: int) -> ResponseReturnValue:
    say(log, logging.WARNING, "conversion refused", why=why, status=status)
    return words + "\n", status, {"Content-Type": "text/plain; charset=utf-8"}
