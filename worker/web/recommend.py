"""A referrer's public link: an invitation with the sign-up form. It names whoever agreed to it, and counts nothing."""

from __future__ import annotations

from flask.typing import ResponseReturnValue

from worker.domain.referral_code import is_mistyped
from worker.domain.subscriber import SubscriberStatus, first_name
from worker.render.merge import shown_name
from worker.store.engine import reading
from worker.store.referrers import is_named
from worker.web.attribution import keep_code, reader_of
from worker.web.site import Site
from worker.web.subscribe import form_page


def show(site: Site, code: str) -> ResponseReturnValue:
    """The page; for a code that is nobody's, one that says so and lets people subscribe all the same."""
    referrer = reader_of(site, code)
    if referrer is None:
        return form_page(site, "", status=404, broken="mistyped" if is_mistyped(code) else "unknown")
    with reading(site.context.engine) as connection:
        named = referrer.status is SubscriberStatus.CONFIRMED and is_named(connection, referrer.id)
    answer = form_page(site, referrer.referral_code, referrer=shown_name(first_name(referrer.name)) if named else "")
    keep_code(site, answer, referrer.referral_code)
    return answer
