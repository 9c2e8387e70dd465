"""The sign-up form for an author's own site."""

from __future__ import annotations

from typing import Annotated

import typer

from worker.cli.shape import HERE, Project, app, open_context
from worker.errors import UsageError
from worker.render.links import referral_path
from worker.render.signup_form import signup_form
from worker.store.engine import reading
from worker.store.referrers import referrer_by_code


@app.command("signup-form", short_help="The sign-up form as HTML, to paste into a page of your own.")
def print_form(
    code: Annotated[
        str, typer.Option("--referral", metavar="CODE", help="Whose recommendation the form is: a reader's code.")
    ] = "",
    project: Project = HERE,
) -> None:
    """Print a plain HTML form that subscribes to this publication, and no line more.

    It needs no script and asks nobody for anything until it is sent. Its answer is a page of Broadsheet's.
    """
    context = open_context(project, database=bool(code))
    if code:
        with reading(context.engine) as connection:
            if referrer_by_code(connection, code) is None:
                fix = f"take what follows {referral_path('')} in the reader's own link"
                raise UsageError("--referral: no reader has this code", fix=fix)
    typer.echo(signup_form(context.settings.base_url, context.publication.name, code), nl=False)
