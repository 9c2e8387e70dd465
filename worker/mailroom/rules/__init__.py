"""SendGrid's documented rules for the body of POST /v3/mail/send, one small function each.

`problems` finds as many as can be found, as SendGrid does. A clean request is recognised in one tight pass over its
personalizations (quick.py); only where that pass is not sure are they looked at rule by rule.
"""

from __future__ import annotations

from typing import Any

from worker.mailroom.rules.message import MESSAGE_RULES
from worker.mailroom.rules.problem import Problem
from worker.mailroom.rules.quick import certainly_clean
from worker.mailroom.rules.row import ROW_RULES
from worker.mailroom.rules.whole import WHOLE_RULES

__all__ = ["Problem", "problems"]


def problems(body: Any, now: float, *, thorough: bool = False) -> list[Problem]:
    """What SendGrid would refuse in a decoded body; empty means 202 (or 200 in sandbox mode).

    `now` is Unix seconds. `thorough` skips the quick pass, for tests that hold the two against each other.
    """
    if not isinstance(body, dict):
        return [Problem("the body must be a JSON object", None)]
    found = [problem for rule in MESSAGE_RULES for problem in rule(body, now)]
    rows = body.get("personalizations")
    if not isinstance(rows, list) or (not thorough and not found and certainly_clean(body, rows)):
        return found
    for number, row in enumerate(rows):
        place = f"personalizations.{number}"
        if isinstance(row, dict):
            found.extend(problem for rule in ROW_RULES for problem in rule(row, place, body, now))
        else:
            found.append(Problem("a personalization must be an object", place))
    found.extend(problem for rule in WHOLE_RULES for problem in rule(rows))
    return found
