"""Types of the optional fields of a message, as the official OpenAPI has them, and a check of a value against them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from worker.mailroom.rules.problem import Problem, is_integer

# A dict is an object (other keys are allowed), a one-element list an array of that, a type itself.
_SWITCH: Any = {"enable": bool}
OPTIONAL_FIELDS: Any = {
    "template_id": str,
    "batch_id": str,
    "ip_pool_name": str,
    "asm": {"group_id": int, "groups_to_display": [int]},
    "attachments": [{"content": str, "type": str, "filename": str, "disposition": str, "content_id": str}],
    "mail_settings": {
        "bypass_list_management": _SWITCH,
        "bypass_spam_management": _SWITCH,
        "bypass_bounce_management": _SWITCH,
        "bypass_unsubscribe_management": _SWITCH,
        "footer": {"enable": bool, "text": str, "html": str},
        "sandbox_mode": _SWITCH,
    },
    "tracking_settings": {
        "click_tracking": {"enable": bool, "enable_text": bool},
        "open_tracking": {"enable": bool, "substitution_tag": str},
        "subscription_tracking": {"enable": bool, "text": str, "html": str, "substitution_tag": str},
        "ganalytics": {
            "enable": bool,
            **dict.fromkeys(("utm_source", "utm_medium", "utm_term", "utm_content", "utm_campaign"), str),
        },
    },
}
_NAMES = {bool: "true or false", int: "an integer", str: "a string"}


def mismatches(value: Any, shape: Any, field: str = "") -> Iterator[Problem]:
    """Every place where a value has another type than its shape; fields that are absent are right."""
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            yield Problem("must be an object", field or None)
            return
        for key, inner in shape.items():
            if key in value:
                yield from mismatches(value[key], inner, f"{field}.{key}" if field else key)
    elif isinstance(shape, list):
        if not isinstance(value, list):
            yield Problem("must be an array", field)
            return
        for number, one in enumerate(value):
            yield from mismatches(one, shape[0], f"{field}.{number}")
    elif not (is_integer(value) if shape is int else isinstance(value, shape)):
        yield Problem(f"must be {_NAMES[shape]}", field)
