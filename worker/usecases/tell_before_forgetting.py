"""Before an address is forgotten: tell SendGrid's list of opt-outs of it while there is an address to tell.

An opt-out SendGrid does not know would be lost with the address, and mail that waits there would still be delivered.
"""

from __future__ import annotations

from datetime import datetime

from worker.errors import BroadsheetError
from worker.providers.scheduled import Done
from worker.providers.suppression_lists import SuppressionLists
from worker.store.engine import Engine, reading
from worker.store.pushes import is_unpushed, mail_waits

HOW = "see `broadsheet doctor`, then try again; or add --without-sendgrid and put the address on its list by hand"


def tell_before_forgetting(
    engine: Engine,
    key: str,
    lists: SuppressionLists | None,
    now: datetime,
    *,
    while_mail_waits: bool = False,
    without_sendgrid: bool = False,
) -> bool:
    """Whether SendGrid was told. Does nothing where there is nothing to tell.

    `while_mail_waits`: also somebody who has not opted out, if mail waits there. Raises BroadsheetError where it cannot be
    told, unless `without_sendgrid`.
    """
    with reading(engine) as connection:
        if not is_unpushed(connection, key) and not (while_mail_waits and mail_waits(connection, now)):
            return False
    told = lists is not None and isinstance(lists.add([key]), Done)
    if not told and not without_sendgrid:
        raise BroadsheetError(
            "SendGrid could not be told not to mail this address, and mail waits there or an opt-out is not known to it",
            fix=HOW,
        )
    return told
