"""Sign up: take what a form holds, and answer before anybody looks who it is about.

Here only the network and the day are counted, and the sign-up is kept. Whether its address is a reader's, left, bounced
or is nobody's is first looked at by a job (take_signups.py). So the answer cannot tell, by its words or by the time it
takes: there is nothing yet that it could depend on.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta

from worker.domain.address import address_key
from worker.domain.mailing import Queue
from worker.domain.signup import ADDRESS_CHARS, Signup, SignupLimits, blind, network_name, window
from worker.logs import say
from worker.store.engine import Connection, Engine, write
from worker.store.signups import count, keep_signup
from worker.usecases.due import Due
from worker.usecases.read_cells import read_address

log = logging.getLogger("broadsheet.signups")

TASK = "take_signups"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def check_address(written: str) -> str:
    """The address as it is kept. ValueError, in words for the reader, for what is no mail address."""
    address = written.strip()
    if not address:
        raise ValueError("Type your mail address.")
    try:
        if len(address) > ADDRESS_CHARS or "\0" in address:
            raise ValueError
        address_key(address)
        return read_address(address)
    except (ValueError, UnicodeError):
        raise ValueError("That is no mail address. It should look like name@example.com.") from None


def sign_up(engine: Engine, new: Signup, network: str, secret: str, limits: SignupLimits) -> list[Due]:
    """Keep a sign-up for the job this returns; nothing where its network, or everybody together, asked too often.

    `network` as worker.domain.signup.client_network says it, empty where that is unknown. `secret` keys the counts.
    """

    def keep(connection: Connection) -> str:
        # The network first: what it asks too often takes nothing of the day that is everybody's.
        hour = count(connection, blind(secret, "network", network), window(new.asked_at, HOUR)) if network else 0
        if hour > limits.per_network:
            return "too many from one network in an hour"
        if count(connection, blind(secret, "all", ""), window(new.asked_at, DAY)) > limits.per_day:
            return "too many in a day"
        keep_signup(connection, replace(new, network=network_name(secret, network, new.asked_at)))
        return ""

    over = write(engine, keep)
    if over:
        say(log, logging.WARNING, "sign-up left out", why=over)
        return []
    return [Due(TASK, 0, Queue.PROMPT)]
