"""Signing up: a form, and one answer to everybody who sends it.

The form may stand on any page of the author's (`broadsheet signup-form`), so where a request comes from proves nothing
and is not asked. Nothing is lost by that: sending it for somebody else makes one mail at most, which holds no word of the
sender's and subscribes nobody. There is no page to go back to in the form, so it redirects nobody anywhere.
"""

from __future__ import annotations

from flask import request
from flask.typing import ResponseReturnValue
from flask.wrappers import Response

from worker.domain.signup import CODE_CHARS, PAGE_CHARS, Signup, client_network, network_name, one_line, read_networks
from worker.domain.subscriber import cut_name
from worker.domain.web_address import taken_apart
from worker.render.signup_form import TRAP
from worker.usecases.sign_up import check_address, sign_up
from worker.web.attribution import keep_code, kept_code, reader_of
from worker.web.site import SUBSCRIBE, Site

_PEER_CHARS = 1_000  # of an X-Forwarded-For, from its end


def ask(site: Site) -> ResponseReturnValue:
    """The form. `?r=` is the code of the reader who recommended it."""
    code = one_line(request.args.get("r", ""), CODE_CHARS)
    answer = form_page(site, code)
    if (referrer := reader_of(site, code)) is not None:
        keep_code(site, answer, referrer.referral_code)
    return answer


def subscribe(site: Site) -> ResponseReturnValue:
    """The one answer, whoever the address belongs to; only what is no address at all is said to be none."""
    form = request.form
    code = one_line(form.get("r", ""), CODE_CHARS)
    if form.get(TRAP):  # no person sees that field
        return site.page("look.html")
    written = form.get("address") or form.get("email") or ""
    try:
        address = check_address(written)
    except ValueError as wrong:
        return form_page(site, code, written=one_line(written, 320), wrong=str(wrong), status=400)
    first = kept_code(site)  # the link that was followed first counts, whatever page the form stood on
    new = Signup(
        address=address,
        asked_at=site.now(),
        name=cut_name(one_line(form.get("name", ""), 200)),
        referral_code=first or code,
        later_code=code if first else "",
        page=_page(site),
    )
    desk = site.context.signup_desk
    site.offer(sign_up(site.context.engine, new, _network(site), desk.secret, desk.limits))
    return site.page("look.html")


def form_page(
    site: Site,
    code: str,
    *,
    written: str = "",
    wrong: str = "",
    status: int = 200,
    referrer: str | None = None,
    broken: str = "",
) -> Response:
    """A page with the form; `referrer` is the first name of who recommends it (may be empty), None without one.

    `broken`: a link was followed that is `mistyped`, or `unknown`.
    """
    return site.page(
        "subscribe.html",
        status,
        code=one_line(code, CODE_CHARS),
        written=written,
        wrong=wrong,
        referrer=referrer,
        broken=broken,
        trap=TRAP,
        action=SUBSCRIBE,
    )


def _page(site: Site) -> str:
    """Where the form stood, as far as the browser says: for the evidence of consent, and for nothing else."""
    own = f"{site.context.settings.base_url}{SUBSCRIBE}"
    if request.form.get("own"):
        return own
    origin = taken_apart(request.headers.get("Origin", ""))
    if origin.scheme in ("http", "https") and origin.netloc:
        return one_line(f"{origin.scheme}://{origin.netloc}", PAGE_CHARS)
    return "a form elsewhere"


def seen_network(site: Site) -> str:
    """The name, for today, of the network a request came from; empty where there is no telling."""
    return network_name(site.context.signup_desk.secret, _network(site), site.now())


def _network(site: Site) -> str:
    trusted = read_networks(site.context.settings.trusted_proxies)
    forwarded = ",".join(request.headers.getlist("X-Forwarded-For"))
    return client_network(request.remote_addr or "", forwarded[-_PEER_CHARS:], trusted)
