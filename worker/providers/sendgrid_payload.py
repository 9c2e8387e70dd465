"""The request body of POST /v3/mail/send for one submission. Pure: builds bytes, sends nothing.

Every recipient is alone in a personalization (all addresses of one see each other), so their order is the order in
which SendGrid numbers them in errors.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import orjson

from worker.providers.base import Addressee, Mailbox, RefusalKind, Submission
from worker.providers.sendgrid_limits import (
    ADDRESS_CHARS,
    BODY_BYTES,
    CATEGORIES,
    CATEGORY_CHARS,
    CUSTOM_ARGS_BYTES,
    HEADER_URL_CHARS,
    RECIPIENTS,
    PayloadError,
)

#: SendGrid's own open pixel. Off, and so is its rewriting of links unless the author asks for it: that sends readers through
#: another host, and scanners fill both with noise. Always sent, because account defaults differ and change.
OPEN_TRACKING: Final = False

DELIVERY_ARG = "bs_delivery"  # comes back in every event; opaque ids only, since SendGrid keeps custom_args for ever
SUBMISSION_ARG = "bs_submission"

_ONE_CLICK = '"List-Unsubscribe-Post":"List-Unsubscribe=One-Click"'  # RFC 8058, section 3.1
# RFC 3986; what is left needs no escape in JSON.
_IN_A_URI = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:/?#[]@!$&'()*+,;=%"
_ESCAPED_IN_JSON = re.compile(r'[\x00-\x1f"\\]')
_PHRASE = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")


def build_payload(submission: Submission) -> bytes:
    """The JSON body. Raises PayloadError for what SendGrid would refuse as a whole, before anything is sent.

    Merge values over their limit are not looked for here: `over_limit` finds them row by row, before.
    """
    _check(submission)
    try:
        rows = _rows(submission.addressees)
        rest = orjson.dumps(_message(submission))
    except (UnicodeEncodeError, orjson.JSONEncodeError):
        raise PayloadError("a text of the message or a merge value holds half a character (a lone surrogate)") from None
    # Head and tail go to the first and last row, so that half a megabyte is copied once.
    rows[0] = b'{"personalizations":[' + rows[0]
    rows[-1] += b"]," + rest[1:]
    body = b",".join(rows)
    if len(body) > BODY_BYTES:
        raise PayloadError(f"the request has {len(body):,} bytes; SendGrid takes less than 30 MB", RefusalKind.SIZE)
    return body


def _rows(addressees: Sequence[Addressee]) -> list[bytes]:
    """Each personalization as JSON text. Written as text, for a thousand are; `_check` has seen to what could break it.

    No `name` stands beside the address: SendGrid's rules for it differ from page to page, and a reader knows their name.
    """
    addresses = [one.address for one in addressees]
    if _ESCAPED_IN_JSON.search("".join(addresses)):
        addresses = [orjson.dumps(address).decode()[1:-1] for address in addresses]
    return [
        (
            f'{{"to":[{{"email":"{address}"}}],'
            # An empty object is an error to SendGrid.
            + (f'"substitutions":{values},' if values != "{}" else "")
            + (f'"headers":{{"List-Unsubscribe":"<{url}>",{_ONE_CLICK}}},' if url else "")
            + f'"custom_args":{{"{DELIVERY_ARG}":"{delivery_id}"}}}}'
        ).encode()
        for address, (delivery_id, _, values, url) in zip(addresses, addressees, strict=True)
    ]


def _message(submission: Submission) -> dict[str, Any]:
    """Everything but the personalizations."""
    message: dict[str, Any] = {
        "from": _mailbox(submission.sender),
        "subject": submission.subject,
        # The order is SendGrid's rule: text/plain first.
        "content": [
            {"type": kind, "value": value}
            for kind, value in (("text/plain", submission.text), ("text/html", submission.html))
            if value
        ],
        "custom_args": {SUBMISSION_ARG: submission.key},
        "tracking_settings": {
            "click_tracking": {"enable": submission.counts_clicks, "enable_text": False},
            "open_tracking": {"enable": OPEN_TRACKING},
            # On, it adds headers and a footer of its own beside ours.
            "subscription_tracking": {"enable": False},
            "ganalytics": {"enable": False},
        },
    }
    if submission.reply_to:
        message["reply_to"] = {"email": submission.reply_to}
    if submission.list_id:
        message["headers"] = {"List-Id": _list_id(submission.sender.name, submission.list_id)}
    if submission.categories:
        message["categories"] = list(submission.categories)
    if submission.send_at is not None:
        message["send_at"] = int(submission.send_at.timestamp())
    if submission.sendgrid_batch_id is not None:
        message["batch_id"] = submission.sendgrid_batch_id
    switches = {
        "sandbox_mode": submission.sandbox,
        # The global list of unsubscribes alone: bounces and spam reports are looked at all the same (OpenAPI).
        "bypass_unsubscribe_management": submission.past_opt_outs,
    }
    if any(switches.values()):
        message["mail_settings"] = {name: {"enable": True} for name, on in switches.items() if on}
    return message


def _mailbox(mailbox: Mailbox) -> dict[str, str]:
    return {"email": mailbox.address, "name": mailbox.name} if mailbox.name else {"email": mailbox.address}


def _list_id(name: str, list_id: str) -> str:
    """RFC 2919: an optional phrase and the id. A name that is not ASCII is left out rather than sent unencoded."""
    name = name.strip()
    if not name or not name.isascii() or not name.isprintable():
        return f"<{list_id}>"
    if _PHRASE.fullmatch(name):
        return f"{name} <{list_id}>"
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}" <{list_id}>'


def _check(submission: Submission) -> None:
    _check_message(submission)
    _check_addressees(submission.addressees)


def _check_message(submission: Submission) -> None:
    if not submission.subject:
        raise PayloadError("the subject is empty")
    if not submission.text and not submission.html:
        raise PayloadError("the message has neither text nor HTML")
    if not submission.sender.address.isascii():
        raise PayloadError("the From address is not ASCII; SendGrid takes no other")
    if len(submission.key.encode()) + len(SUBMISSION_ARG) + 64 > CUSTOM_ARGS_BYTES or not submission.key:
        raise PayloadError("the submission's key is empty or too long for custom_args")
    categories = submission.categories
    if len(categories) > CATEGORIES or len(set(categories)) != len(categories):
        raise PayloadError(f"at most {CATEGORIES} categories, each once; there are {len(categories)}")
    if any(not 0 < len(one) <= CATEGORY_CHARS or not one.isascii() for one in categories):
        raise PayloadError(f"a category is 1 to {CATEGORY_CHARS} ASCII characters")
    if submission.send_at is not None and submission.send_at.tzinfo is None:
        raise PayloadError("send_at has no offset")
    if any(ord(c) < 32 for c in submission.list_id + submission.sender.name + submission.subject):
        raise PayloadError("the subject, the sender's name or the List-Id holds a line break or a control character")


def _check_addressees(addressees: Sequence[Addressee]) -> None:
    count = len(addressees)
    if not 1 <= count <= RECIPIENTS:
        raise PayloadError(f"a submission has 1 to {RECIPIENTS:,} addressees, this one {count:,}")
    addresses = {one.address.lower() for one in addressees}
    if len(addresses) != count:
        raise PayloadError("an address occurs twice in one submission; SendGrid refuses all of it")
    if max(map(len, addresses)) > ADDRESS_CHARS or "" in addresses:
        raise PayloadError(f"an address is empty or longer than {ADDRESS_CHARS} characters")
    urls = [one.unsubscribe_url for one in addressees]
    if max(map(len, urls)) > HEADER_URL_CHARS:
        raise PayloadError(f"an unsubscribe link is longer than {HEADER_URL_CHARS} characters; make BASE_URL shorter")
    if "".join(urls).encode("utf-8", "surrogatepass").translate(None, _IN_A_URI):
        raise PayloadError("an unsubscribe link holds a character that no URL in a header may hold")
    if any([one.values[:1] + one.values[-1:] != "{}" for one in addressees]):  # noqa: C419 - a list is quicker here
        raise PayloadError("merge values are not the text of a JSON object")
