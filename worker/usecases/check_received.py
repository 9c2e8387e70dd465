"""Reads a received mail, saved whole: did the headers to leave arrive as sent, and does a DKIM signature cover them.

RFC 8058 wants one List-Unsubscribe with one HTTPS URI, one List-Unsubscribe-Post, and both in `h=` of a valid DKIM
signature. Whether a signature is valid needs DNS; here the mail server's own verdict is read instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from email import message_from_bytes
from email.message import Message

from worker.domain.diagnosis import Diagnosis, note, problem, warning, well
from worker.domain.web_address import taken_apart

LEAVE, POST = "List-Unsubscribe", "List-Unsubscribe-Post"
_ONE_CLICK = "List-Unsubscribe=One-Click"
_URI = re.compile(r"<([^<>]*)>")
_PASSED = re.compile(r"\bdkim\s*=\s*([a-z]+)", re.IGNORECASE)


def check_received(raw: bytes, *, base_url: str = "") -> Iterator[Diagnosis]:
    """What the mail shows. `base_url`, where known, tells our own link from one that SendGrid put in its place."""
    message = message_from_bytes(raw)
    if not message.get("From") or not message.get("Received"):
        yield problem(
            "mail",
            "this is no mail as it was received: From or Received is missing",
            "save the original with all its headers, not a forwarded or printed copy",
        )
        return
    yield from _leave(_values(message, LEAVE), base_url)
    yield from _post(_values(message, POST))
    yield from _signatures(message)
    yield from _verdict(message)


def _leave(values: Sequence[str], base_url: str) -> Iterator[Diagnosis]:
    check = LEAVE
    if len(values) != 1:
        yield problem(
            check,
            f"it occurs {len(values)} times" if values else "it did not arrive",
            "turn off subscription tracking in SendGrid's account settings; Broadsheet turns it off for each mail",
        )
        return
    if "=?" in values[0]:
        yield problem(check, "it was encoded (=?...?=), so mailbox providers ignore it", "make BASE_URL shorter")
        return
    secure = [one for one in _URI.findall(values[0]) if one.lower().startswith("https://")]
    if len(secure) != 1:
        yield problem(
            check, f"it holds {len(secure)} HTTPS URIs; RFC 8058 wants one", "set BASE_URL to an https address"
        )
        return
    if re.search(r"\s", secure[0]):
        yield problem(check, "its URI was broken by a line end", "make BASE_URL shorter")
    elif base_url and taken_apart(secure[0]).hostname != taken_apart(base_url).hostname:
        yield problem(
            check,
            "its URI leads to another host than BASE_URL: SendGrid put its own in the place of ours",
            "turn off subscription tracking and click tracking in SendGrid's account settings",
        )
    else:
        yield well(check, "it arrived once, with one HTTPS URI" + (" of BASE_URL" if base_url else ""))


def _post(values: Sequence[str]) -> Iterator[Diagnosis]:
    if len(values) == 1 and values[0].replace(" ", "") == _ONE_CLICK:
        yield well(POST, "it arrived once, as sent")
    else:
        seen = f"it occurs {len(values)} times" if len(values) != 1 else "it says something else than One-Click"
        yield problem(POST, seen, "one-click leaving does not work without; report it to SendGrid's support")


def _signatures(message: Message) -> Iterator[Diagnosis]:
    check = "DKIM"
    tags = [_tags(one) for one in _values(message, "DKIM-Signature")]
    if not tags:
        yield problem(check, "the mail has no DKIM signature", "authenticate the domain at SendGrid")
        return
    for number, one in enumerate(tags, 1):
        signed = {name.strip().lower() for name in one.get("h", "").split(":")}
        yield note(check, f"h= of signature {number} of {len(tags)}: {':'.join(sorted(signed))}")
    covered = [_covers(one) for one in tags]
    aligned = [_aligned(one.get("d", ""), str(message["From"])) for one in tags]
    if not any(covered):
        missing = [name for name in (LEAVE, POST) if not any(_signs(one, name) for one in tags)]
        yield problem(
            check,
            f"no signature covers {' and '.join(missing) if missing else 'both headers at once'}: "
            "Gmail and Yahoo need not offer one-click leaving",
            "report it to SendGrid's support, naming RFC 8058, section 4",
        )
    else:
        yield well(check, "a signature covers both headers")
    if not any(aligned):
        yield problem(
            check, "no signature is of the From address's own domain", "authenticate that domain at SendGrid (DMARC)"
        )
    elif any(covered) and not any(c and a for c, a in zip(covered, aligned, strict=True)):
        yield warning(
            check,
            "the signature that covers both headers is not of the From address's domain",
            "authenticate that domain",
        )
    else:
        yield well(check, "a signature is of the From address's domain")


def _verdict(message: Message) -> Iterator[Diagnosis]:
    # The first is the receiving server's own; those below it may have been brought along.
    found = _PASSED.findall((_values(message, "Authentication-Results") or [""])[0])
    if not found:
        yield note(
            "verdict", "the receiving server wrote down no DKIM verdict; whether the signatures are valid is not known"
        )
    elif "pass" in {one.lower() for one in found}:
        yield well("verdict", "the receiving server found a DKIM signature valid")
    else:
        yield problem(
            "verdict",
            f"the receiving server says dkim={found[0].lower()}",
            "look at the domain's DNS records at SendGrid",
        )


def _values(message: Message, name: str) -> list[str]:
    """Every value of a header, unfolded."""
    return [re.sub(r"\r?\n(?=[ \t])", "", str(one)).strip() for one in message.get_all(name, [])]


def _tags(signature: str) -> dict[str, str]:
    pairs = (one.partition("=") for one in signature.split(";"))
    return {name.strip().lower(): re.sub(r"\s+", "", value) for name, _, value in pairs if name.strip()}


def _signs(tags: dict[str, str], name: str) -> bool:
    return name.lower() in tags.get("h", "").lower().split(":")


def _covers(tags: dict[str, str]) -> bool:
    return _signs(tags, LEAVE) and _signs(tags, POST)


def _aligned(domain: str, sender: str) -> bool:
    """Relaxed alignment without the public suffix list: one domain is the other or below it."""
    own = sender.rpartition("@")[2].strip("> \t").lower()
    signed = domain.lower()
    return bool(signed) and (own == signed or own.endswith(f".{signed}") or signed.endswith(f".{own}"))
