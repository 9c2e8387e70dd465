"""Attribution: a browser that followed a reader's link keeps, for 30 days, whose it was; the first one counts.

One signed cookie, that no script can read and no other site's form or picture sends along. It holds the code of the link that
was followed and the moment, nothing about the visitor, and is set on no other page.
"""

from __future__ import annotations

from flask import request
from flask.wrappers import Response

from worker.domain.subscriber import Subscriber
from worker.render.links import CODE_KEPT
from worker.store.engine import reading
from worker.store.referrers import referrer_by_code
from worker.web.site import Site

COOKIE = "recommended_by"


def kept_code(site: Site) -> str:
    """The code of the reader whose link this browser followed first; empty for none."""
    return site.signer.read_code_cookie(request.cookies.get(COOKIE, ""), site.now())


def reader_of(site: Site, code: str) -> Subscriber | None:
    """The reader with this code, if there is one who was not erased."""
    with reading(site.context.engine) as connection:
        return referrer_by_code(connection, code.replace("\x00", ""))


def keep_code(site: Site, answer: Response, code: str) -> None:
    """Let the browser keep a valid code, unless it keeps one that is still somebody's."""
    if reader_of(site, kept_code(site)) is not None:
        return
    answer.set_cookie(
        COOKIE,
        site.signer.code_cookie(code, site.now()),
        max_age=CODE_KEPT,
        path="/",
        secure=site.context.settings.base_url.startswith("https://"),
        httponly=True,
        samesite="Lax",
    )
