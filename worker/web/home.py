"""The front page: what this publication is."""

from __future__ import annotations

from flask.typing import ResponseReturnValue

from worker.web.site import Site


def show(site: Site) -> ResponseReturnValue:
    """The page."""
    return site.page("home.html")
