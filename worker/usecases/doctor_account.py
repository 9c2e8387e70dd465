"""The doctor at SendGrid's account: key and scopes, sender, webhook. Asks, changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from worker.domain.diagnosis import Diagnosis, note, problem, warning, well
from worker.domain.publication import Publication
from worker.domain.web_address import taken_apart
from worker.errors import SignatureError
from worker.providers.account import NEEDED_EVENTS, Account, NotTold, Scopes, Webhook
from worker.providers.sendgrid_signature import verification_key

EVENTS_PATH = "/webhooks/sendgrid"
CLOCK_SECONDS = 5.0  # further from SendGrid's clock than this, hours and signatures begin to go wrong
FAR_SECONDS = 120.0

_STAGING = tuple(f"{group}.{verb}" for group, verbs in (
    ("mail.batch", ("create",)),
    ("user.scheduled_sends", ("create", "read", "update", "delete")),
) for verb in verbs)  # fmt: skip
_LISTS = ("suppression.read", "asm.suppressions.global.create", "asm.suppressions.global.delete")


def examine_account(
    account: Account, publication: Publication | None, *, public_key: str, base_url: str, now: datetime
) -> Iterator[Diagnosis]:
    """What the account says. `public_key` is the setting; `now` this machine's time."""
    scopes = account.scopes()
    if isinstance(scopes, NotTold):
        yield _no_scopes(scopes)
        if scopes.status is None or scopes.status == 401:  # every other answer would be the same
            yield from examine_webhook_key(public_key)
            return
    else:
        yield from _scopes(scopes)
        yield from _time(scopes, now)
    if publication is not None:
        yield _sender(account, publication.sender)
    yield from examine_webhook_key(public_key)
    yield from _webhook(account, public_key, base_url)


def examine_webhook_key(public_key: str) -> Iterator[Diagnosis]:
    """Whether the setting is a key at all; needs no network."""
    check = "webhook key"
    if not public_key:
        yield problem(
            check,
            "SENDGRID_WEBHOOK_PUBLIC_KEY is not set: every event is refused",
            "turn on the signed event webhook at SendGrid and copy its verification key",
        )
        return
    try:
        verification_key(public_key)
    except SignatureError as wrong:
        yield problem(check, wrong.what, wrong.fix)
    else:
        yield well(check, "SENDGRID_WEBHOOK_PUBLIC_KEY is a verification key")


def _no_scopes(answer: NotTold) -> Diagnosis:
    check = "API key"
    match answer.status:
        case None:
            return problem(
                check, f"SendGrid was not reached: {answer.reason}", "check SENDGRID_API_URL and the network"
            )
        case 401:
            return problem(
                check,
                f"SendGrid does not know the key, or the account's credits are used up ({answer.reason})",
                "make a new key at SendGrid and put it into SENDGRID_API_KEY",
            )
        case 403:
            return warning(
                check, "the key is taken, but may not say what it may do", "look at the key's permissions at SendGrid"
            )
    return warning(check, f"the key's scopes are not known: {answer.reason}", "try again later")


def _scopes(scopes: Scopes) -> Iterator[Diagnosis]:
    check = "scopes"
    if "mail.send" not in scopes.names:
        yield problem(check, "the key may not send mail", "give it Mail Send at SendGrid, or make a new one")
    else:
        yield well("API key", "SendGrid takes the key, and it may send mail")
    for wanted, words in ((_STAGING, "take back scheduled mail"), (_LISTS, "read and fill suppression lists")):
        missing = sorted(set(wanted) - scopes.names)
        if missing:
            yield warning(
                check,
                f"the key may not {words}: it lacks {', '.join(missing)}",
                "add these scopes to the key at SendGrid",
            )
        else:
            yield well(check, f"the key may {words}")


def _time(scopes: Scopes, now: datetime) -> Iterator[Diagnosis]:
    if scopes.provider_time is None:
        return
    apart = abs((now - scopes.provider_time).total_seconds())
    yield judge_clock("clock", apart, "SendGrid's")


def judge_clock(check: str, apart_seconds: float, whose: str) -> Diagnosis:
    """How far this machine's clock may be from another's (whole seconds are as good as the comparison is)."""
    said = f"this machine's clock is {apart_seconds:.0f} s from {whose}"
    if apart_seconds > FAR_SECONDS:
        return problem(check, said, "let the system keep its time by NTP (chrony or systemd-timesyncd)")
    if apart_seconds > CLOCK_SECONDS:
        return warning(check, said, "let the system keep its time by NTP (chrony or systemd-timesyncd)")
    return well(check, f"this machine's clock agrees with {whose}")


def _sender(account: Account, sender: str) -> Diagnosis:
    check = "sender"
    found = account.senders()
    if isinstance(found, NotTold):
        return note(
            check,
            f"the key may not see who may stand in From ({found.reason})",
            "look at Sender Authentication at SendGrid; an unverified sender is refused with 403",
        )
    domain = sender.rpartition("@")[2].lower()
    if domain in found.domains:
        return well(check, "the From address's domain is authenticated")
    if sender.lower() in found.addresses:
        return warning(
            check,
            "the From address is a verified single sender; its domain is not authenticated",
            "authenticate the domain at SendGrid: Gmail and Yahoo ask bulk senders for aligned DKIM or SPF",
        )
    if any(domain.endswith(f".{one}") for one in found.domains):
        return warning(
            check,
            "only a parent of the From address's domain is authenticated",
            "send a test; if SendGrid refuses it with 403, authenticate the very domain",
        )
    return problem(
        check,
        "neither the From address nor its domain is verified: SendGrid answers 403",
        "authenticate the domain of `sender` in content/publication.toml at SendGrid",
    )


def _webhook(account: Account, public_key: str, base_url: str) -> Iterator[Diagnosis]:
    check = "webhook"
    found = account.webhooks()
    if isinstance(found, NotTold):
        yield note(
            check,
            f"the key may not see the event webhook ({found.reason})",
            f"look at SendGrid's page: it must post to BASE_URL{EVENTS_PATH}",
        )
        return
    ours = [one for one in found if _same_place(one.url, base_url)]
    if not ours:
        yield problem(
            check,
            f"no event webhook posts to BASE_URL{EVENTS_PATH}; there are {len(found)} others",
            "make one at SendGrid: nobody who bounced or complained is noticed without",
        )
        return
    yield from _settings(ours[0], public_key)


def _settings(hook: Webhook, public_key: str) -> Iterator[Diagnosis]:
    check = "webhook"
    if not hook.enabled:
        yield problem(check, "the event webhook is off", "turn it on at SendGrid")
    if missing := sorted(set(NEEDED_EVENTS) - hook.events):
        yield problem(
            check, f"the event webhook does not post {', '.join(missing)}", "turn these events on at SendGrid"
        )
    if not hook.public_key:
        yield problem(check, "the event webhook is not signed", "turn on its signature verification at SendGrid")
    elif public_key and not _same_key(hook.public_key, public_key):
        yield problem(
            check,
            "SENDGRID_WEBHOOK_PUBLIC_KEY is not the key the event webhook signs with: every event is refused",
            "copy the webhook's verification key from SendGrid",
        )
    elif hook.enabled and not missing:
        yield well(check, "the event webhook is on, signed with the key of the settings, and posts what is needed")


def _same_place(url: str, base_url: str) -> bool:
    one, other = taken_apart(url), taken_apart(base_url + EVENTS_PATH)
    return (one.hostname, one.port, one.path.rstrip("/")) == (other.hostname, other.port, other.path.rstrip("/"))


def _same_key(one: str, other: str) -> bool:
    try:
        return verification_key(one).public_numbers() == verification_key(other).public_numbers()
    except SignatureError:
        return False
