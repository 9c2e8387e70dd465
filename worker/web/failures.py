"""What a reader sees when something is not there or went wrong: a plain page that says what to do next."""

from __future__ import annotations

from flask import Flask
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from worker.errors import LinkError
from worker.web.site import Site

_WORDS = {
    404: ("There is no such page", "Check the address, or open the link again from the mail."),
    405: ("That does not work here", "Open the page from the mail, and use its button."),
    413: ("That was too much", "The request is larger than this address takes."),
}
_OTHER = ("That did not work", "Nothing was changed. Try again in a moment.")


def install(app: Flask, site: Site) -> None:
    """Answer damaged links, HTTP errors and bugs with a page."""

    def damaged(_: Exception) -> ResponseReturnValue:
        return site.page("damaged.html", 404)

    def refused(error: HTTPException) -> ResponseReturnValue:
        if error.response is not None or error.code is None or error.code < 400:
            return error
        title, advice = _WORDS.get(error.code, _OTHER)
        answer = site.page("message.html", error.code, title=title, advice=advice)
        answer.headers.extend({name: value for name, value in error.get_headers() if name == "Allow"})
        return answer

    app.register_error_handler(LinkError, damaged)
    app.register_error_handler(HTTPException, refused)
