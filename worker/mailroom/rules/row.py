"""Rules about one personalization. Each takes the row, its place, the whole message and the time, and yields problems.

Sources: [oai] the official OpenAPI tsg_mail_v3, [errors] the errors catalogue and limitations pages of mail send,
[pages] the personalizations page, [issue] a report about the live service.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from worker.mailroom.rules.problem import Problem, byte_size, headers, is_address, is_integer, mailbox, strings

RECIPIENT_FIELDS = ("to", "cc", "bcc")
SUBSTITUTION_BYTES = 10_000  # [oai]; another page says 50,000: the smaller one holds
CUSTOM_ARGS_BYTES = 10_000  # [errors], message level and personalization merged
AHEAD_SECONDS = 72 * 3_600  # [errors]

RowRule = Callable[[dict[str, Any], str, dict[str, Any], float], Iterator[Problem]]


def to_is_required(row: dict[str, Any], place: str, _message: dict[str, Any], _now: float) -> Iterator[Problem]:
    """[oai, errors] Every personalization has at least one `to`."""
    if not row.get("to"):
        yield Problem("The to array is required and must have at least one email object.", f"{place}.to")


def recipients_are_addresses(
    row: dict[str, Any], place: str, _message: dict[str, Any], _now: float
) -> Iterator[Problem]:
    """[oai] `to`, `cc` and `bcc` are arrays of email objects; [errors] no comma or semicolon in their names."""
    for field in RECIPIENT_FIELDS:
        if field in row and not isinstance(row[field], list):
            yield Problem("must be an array of email objects", f"{place}.{field}")
        for number, one in enumerate(row.get(field) or () if isinstance(row.get(field), list) else ()):
            yield from mailbox(one, f"{place}.{field}.{number}", breaks=";,\r\n")


def recipients_are_unique(row: dict[str, Any], place: str, _message: dict[str, Any], _now: float) -> Iterator[Problem]:
    """[errors, support article] An address occurs once over to, cc and bcc of a personalization, whatever its case."""
    seen: set[str] = set()
    for field in RECIPIENT_FIELDS:
        entries = row.get(field)
        for one in entries if isinstance(entries, list) else ():
            address = one.get("email") if isinstance(one, dict) else None
            if not isinstance(address, str):
                continue
            if address.casefold() in seen:
                yield Problem(f"The address [{address}] occurs more than once in to, cc and bcc.", f"{place}.{field}")
                return  # SendGrid names the first duplicate alone
            seen.add(address.casefold())


def subject_is_text(row: dict[str, Any], place: str, _message: dict[str, Any], _now: float) -> Iterator[Problem]:
    """[oai] A subject has at least one character."""
    if "subject" in row and not (isinstance(row["subject"], str) and row["subject"]):
        yield Problem("The subject must be a string of at least one character.", f"{place}.subject")


def headers_are_free(row: dict[str, Any], place: str, _message: dict[str, Any], _now: float) -> Iterator[Problem]:
    """[oai, errors] Header values are strings, names are ASCII, and some are reserved."""
    if "headers" in row:
        yield from headers(row["headers"], f"{place}.headers")


def substitutions_are_strings(
    row: dict[str, Any], place: str, _message: dict[str, Any], _now: float
) -> Iterator[Problem]:
    """[oai; anymail 420] Values are strings; keys and values together are at most 10,000 bytes."""
    if "substitutions" in row:
        yield from strings(row["substitutions"], f"{place}.substitutions", empty_allowed=True)
        if isinstance(row["substitutions"], dict) and byte_size(row["substitutions"]) > SUBSTITUTION_BYTES:
            yield Problem("The substitutions may not exceed 10,000 bytes.", f"{place}.substitutions")


def substitutions_need_a_plain_template(
    row: dict[str, Any], place: str, message: dict[str, Any], _now: float
) -> Iterator[Problem]:
    """[issue: sendgrid-python 605] Substitutions do not go together with a dynamic template."""
    if "substitutions" in row and str(message.get("template_id", "")).startswith("d-"):
        yield Problem("Substitutions may not be used with dynamic templating.", f"{place}.substitutions")


def custom_args_are_strings(row: dict[str, Any], place: str, message: dict[str, Any], _now: float) -> Iterator[Problem]:
    """[errors] Values are strings; merged with the message's they are at most 10,000 bytes."""
    above, own = message.get("custom_args"), row.get("custom_args", {})
    if "custom_args" in row:
        yield from strings(own, f"{place}.custom_args")
    merged = {**(above if isinstance(above, dict) else {}), **(own if isinstance(own, dict) else {})}
    if byte_size(merged) > CUSTOM_ARGS_BYTES:
        yield Problem("The custom arguments may not exceed 10,000 bytes.", f"{place}.custom_args")


def template_values_are_an_object(
    row: dict[str, Any], place: str, _message: dict[str, Any], _now: float
) -> Iterator[Problem]:
    """[oai] `dynamic_template_data` is an object."""
    if "dynamic_template_data" in row and not isinstance(row["dynamic_template_data"], dict):
        yield Problem("must be an object", f"{place}.dynamic_template_data")


def send_at_is_near(row: dict[str, Any], place: str, _message: dict[str, Any], now: float) -> Iterator[Problem]:
    """[oai, errors] Whole Unix seconds, at most 72 hours ahead; milliseconds are therefore refused."""
    yield from send_at(row, f"{place}.send_at", now)


def from_keeps_its_domain(row: dict[str, Any], place: str, message: dict[str, Any], _now: float) -> Iterator[Problem]:
    """[pages] A personalization's `from` has the domain of the message's."""
    if "from" not in row:
        return
    yield from mailbox(row["from"], f"{place}.from")
    root = message.get("from")
    own_address = row["from"].get("email") if isinstance(row["from"], dict) else None
    root_address = root.get("email") if isinstance(root, dict) else None
    if is_address(own_address) and is_address(root_address) and _domain(own_address) != _domain(root_address):
        yield Problem("The from address must have the same domain as the message's.", f"{place}.from.email")


def send_at(holder: dict[str, Any], field: str, now: float) -> Iterator[Problem]:
    """Problems of `send_at`, at either level."""
    if "send_at" not in holder:
        return
    if not is_integer(holder["send_at"]):
        yield Problem("The send_at parameter must be an integer of Unix seconds.", field)
    elif holder["send_at"] > now + AHEAD_SECONDS:
        yield Problem("Scheduling more than 72 hours in advance is forbidden.", field)


def _domain(address: str) -> str:
    return address.rpartition("@")[2].lower()


ROW_RULES: tuple[RowRule, ...] = (
    to_is_required,
    recipients_are_addresses,
    recipients_are_unique,
    subject_is_text,
    headers_are_free,
    substitutions_are_strings,
    substitutions_need_a_plain_template,
    custom_args_are_strings,
    template_values_are_an_object,
    send_at_is_near,
    from_keeps_its_domain,
)
