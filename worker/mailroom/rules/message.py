"""Rules about the message itself: everything outside the personalizations' contents.

Sources as in row.py; [overview] is the mail send overview page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from worker.mailroom.rules.problem import Problem, headers, mailbox, strings
from worker.mailroom.rules.row import send_at
from worker.mailroom.rules.shape import OPTIONAL_FIELDS, mismatches

PERSONALIZATIONS = 1_000  # [oai, errors]
REPLY_TO_ADDRESSES = 1_000  # [oai]
CATEGORIES = 10  # [oai]
CATEGORY_CHARS = 255  # [oai]
GROUPS_TO_DISPLAY = 25  # [oai]
POOL_NAME_CHARS = range(2, 65)  # [oai]

MessageRule = Callable[[dict[str, Any], float], Iterator[Problem]]


def personalizations_are_counted(message: dict[str, Any], _now: float) -> Iterator[Problem]:
    """[oai, errors] 1 to 1,000 personalizations."""
    rows = message.get("personalizations")
    if not isinstance(rows, list) or not rows:
        yield Problem("The personalizations field is required and must be an array of 1 or more.", "personalizations")
    elif len(rows) > PERSONALIZATIONS:
        yield Problem(f"There are {len(rows)} personalizations; the limit is 1000.", "personalizations")


def from_is_required(message: dict[str, Any], _now: float) -> Iterator[Problem]:
    """[oai, limitations] `from` is an email object, and its address ASCII."""
    if "from" not in message:
        yield Problem("The from object must be provided for every email send.", "from")
    else:
        yield from mailbox(message["from"], "from")


def subject_is_somewhere(message: dict[str, Any], _now: float) -> Iterator[Problem]:
    """[oai, errors] A subject for the message, or in every personalization, or in a template."""
    if "subject" in message:
        if not (isinstance(message["subject"], str) and message["subject"]):
            yield Problem("The subject must be a string of at least one character.", "subject")
        return
    rows = message.get("personalizations")
    everywhere = isinstance(rows, list) and all(isinstance(row, dict) and row.get("subject") for row in rows)
    if not everywhere and "template_id" not in message:
        yield Problem("The subject is required: for the message, or in every personalization.", "subject")


def content_is_there(message: dict[str, Any], _now: float) -> Iterator[Problem]:
    """[oai, errors] At least one block with type and value, unless a template is named."""
    if "content" not in message:
        if "template_id" not in message:
            yield Problem("The content is required unless a template_id is given.", "content")
        return
    blocks = message["content"]
    if not isinstance(blocks, list) or not blocks:
        yield Problem("The content must be an array of at least one object.", "content")
        return
    for number, block in enumerate(blocks):
        if not isinstance(block, dict):
            yield Problem("must be an object with type and value", f"content.{number}")
            continue
        for key in ("type", "value"):
            if not (isinstance(block.get(key), str) and block[key]):
                yield Problem("must be a string of at least one character", f"content.{number}.{key}")
        kind = block.get("type")
        if isinstance(kind, str) and any(character in kind for character in ";\r\n"):
            yield Problem("must not hold a semicolon or a line break", f"content.{number}.type")


def content_is_in_order(message: dict[str, Any], _now: float) -> Iterator[Problem]:
    """[errors] text/plain first, then text/html, then anything else."""
    blocks = message.get("content")
    kinds = [block.get("type") for block in blocks if isinstance(block, dict)] if isinstance(blocks, list) else []
    ranks = [{"text/plain": 0, "text/html": 1}.get(kind, 2) if isinstance(kind, str) else 2 for kind in kinds]
    if ranks != sorted(ranks):
        yield Problem("If present, text/plain must be first, followed by text/html, then the others.", "content")


def headers_are_free(message: dict[str, Any], _now: float) -> Iterator[Problem]:
    """[oai, errors] As in a personalization."""
    if "headers" in message:
        yield from headers(message["headers"], "headers")


def custom_args_are_strings(message: dict[str, Any], _now: float) -> Iterator[Problem]:
    """[errors] An object with string values. (The OpenAPI's `string` is its fault; the API takes an object.)"""
    if "custom_args" in message:
        yield from strings(message["custom_args"], "custom_args")


def categories_are_short(message: dict[str, Any], _now: float) -> Iterator[Problem]:
    """[oai, errors] At most 10, each once, 1 to 255 characters of ASCII."""
    if "categories" not in message:
        return
    categories = message["categories"]
    if not isinstance(categories, list):
        yield Problem("must be an array of strings", "categories")
        return
    if len(categories) > CATEGORIES:
        yield Problem(f"There are {len(categories)} categories; the limit is {CATEGORIES}.", "categories")
    if len({repr(one) for one in categories}) != len(categories):
        yield Problem("Each category may occur once only.", "categories")
    for number, one in enumerate(categories):
        printable = isinstance(one, str) and one.isascii() and one.isprintable()
        if not printable or not 0 < len(one) <= CATEGORY_CHARS:
            yield Problem("A category is 1 to 255 characters of ASCII.", f"categories.{number}")


def send_at_is_near(message: dict[str, Any], now: float) -> Iterator[Problem]:
    """[oai, errors] As in a personalization."""
    yield from send_at(message, "send_at", now)


def reply_to_is_one_of_two(message: dict[str, Any], _now: float) -> Iterator[Problem]:
    """[oai] `reply_to`, or a `reply_to_list` of 1 to 1,000 different objects, not both."""
    if "reply_to" in message:
        yield from mailbox(message["reply_to"], "reply_to")
        if "reply_to_list" in message:
            yield Problem("reply_to and reply_to_list may not be used together.", "reply_to_list")
    if "reply_to_list" not in message:
        return
    entries = message["reply_to_list"]
    if not isinstance(entries, list) or len(entries) > REPLY_TO_ADDRESSES:
        yield Problem("must be an array of at most 1000 email objects", "reply_to_list")
        return
    if len({repr(sorted(one.items())) if isinstance(one, dict) else repr(one) for one in entries}) != len(entries):
        yield Problem("Each entry may occur once only.", "reply_to_list")
    for number, one in enumerate(entries):
        yield from mailbox(one, f"reply_to_list.{number}")


def group_is_named(message: dict[str, Any], _now: float) -> Iterator[Problem]:
    """[oai] `asm` names its group and shows at most 25."""
    asm = message.get("asm")
    if not isinstance(asm, dict):
        return
    if "group_id" not in asm:
        yield Problem("The group_id is required.", "asm.group_id")
    groups = asm.get("groups_to_display")
    if isinstance(groups, list) and len(groups) > GROUPS_TO_DISPLAY:
        yield Problem(f"At most {GROUPS_TO_DISPLAY} groups can be shown.", "asm.groups_to_display")


def pool_name_fits(message: dict[str, Any], _now: float) -> Iterator[Problem]:
    """[oai] 2 to 64 characters."""
    name = message.get("ip_pool_name")
    if isinstance(name, str) and len(name) not in POOL_NAME_CHARS:
        yield Problem("The ip_pool_name has 2 to 64 characters.", "ip_pool_name")


def attachments_are_whole(message: dict[str, Any], _now: float) -> Iterator[Problem]:
    """[oai] Content and a filename; a type, if given, is not empty; disposition is inline or attachment."""
    files = message.get("attachments")
    for number, one in enumerate(files if isinstance(files, list) else ()):
        if not isinstance(one, dict):
            continue
        place = f"attachments.{number}"
        if not one.get("content"):
            yield Problem("The content of an attachment is required.", f"{place}.content")
        if "filename" not in one:
            yield Problem("The filename of an attachment is required.", f"{place}.filename")
        if one.get("type") == "":
            yield Problem("must have at least one character", f"{place}.type")
        if one.get("disposition", "inline") not in ("inline", "attachment"):
            yield Problem("must be inline or attachment", f"{place}.disposition")


def bypasses_stand_alone(message: dict[str, Any], _now: float) -> Iterator[Problem]:
    """[oai] bypass_list_management is not combined with the other bypass settings."""
    settings = message.get("mail_settings")
    switches = settings.items() if isinstance(settings, dict) else ()
    on = {key for key, switch in switches if isinstance(switch, dict) and switch.get("enable") is True}
    if "bypass_list_management" in on and sum(key.startswith("bypass_") for key in on) > 1:
        yield Problem("may not be combined with other bypass settings", "mail_settings.bypass_list_management")


def sections_are_strings(message: dict[str, Any], _now: float) -> Iterator[Problem]:
    """[errors] An object with string values."""
    if "sections" in message:
        yield from strings(message["sections"], "sections", empty_allowed=True)


def optional_fields_have_their_types(message: dict[str, Any], _now: float) -> Iterator[Problem]:
    """[oai] Types of everything else."""
    yield from mismatches(message, OPTIONAL_FIELDS)


MESSAGE_RULES: tuple[MessageRule, ...] = (
    personalizations_are_counted,
    from_is_required,
    subject_is_somewhere,
    content_is_there,
    content_is_in_order,
    headers_are_free,
    custom_args_are_strings,
    categories_are_short,
    send_at_is_near,
    reply_to_is_one_of_two,
    group_is_named,
    pool_name_fits,
    attachments_are_whole,
    bypasses_stand_alone,
    sections_are_strings,
    optional_fields_have_their_types,
)
