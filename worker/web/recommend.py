"""A referrer's public link: an invitation with the sign-up form. It shows a first name at most, and counts nothing."""

from __future__ import annotations

from flask import abort
from flask.typing import ResponseReturnValue

from worker.domain.subscriber import SubscriberStatus, first_name
from worker.store.engine import reading
from worker.store.subscribers import by_referral_code
from worker.web.site import Site
from worker.web.subscribe import form_page


def show(site: Site, code: str) -> ResponseReturnValue:
    """The page; 404 for a code that is nobody's. Somebody who left is not named any more."""
    with reading(site.context.engine) as connection:
        referrer = by_referral_code(connection, code.replace("\x00", ""))
    if referrer is None:
        abort(404)
    stays = referrer.status is SubscriberStatus.CONFIRMED
    return form_page(site, referrer.referral_code, referrer=first_name(referrer.name) if stays else "")
