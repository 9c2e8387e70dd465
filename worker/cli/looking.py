"""Looking: a gallery of every block, and a live preview of what is being written."""

from __future__ import annotations

import sys
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from worker.cli.shape import HERE, AsJson, Project, app, err, open_context, print_json, say
from worker.errors import ServerError, UsageError


@app.command(short_help="One page that shows every block, in light and dark.")
def gallery(
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where the page goes.")] = Path("gallery.html"),
    show: Annotated[bool, typer.Option("--open", help="Show it in the browser.")] = False,
    project: Project = HERE,
    as_json: AsJson = False,
) -> None:
    """Write one page that shows every block in light and dark, as wide as a phone and as the letter."""
    from worker.preview.press import Press

    context = open_context(project, database=False)
    with Press(context.settings.project) as press:
        made = press.ask({"want": "gallery"})
    if broken := made.get("broken"):
        raise ServerError(broken["problem"], fix=broken["fix"])
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(made["page"], encoding="utf-8")
    if as_json:
        print_json({"file": out, "problems": made["problems"]})
    else:
        for problem in made["problems"]:
            say(("error: ", "bold red"), problem, console=err)
        say(str(out))
    if show:
        webbrowser.open(out.resolve().as_uri())
    if made["problems"]:
        raise typer.Exit(1)


@app.command(short_help="A local page that shows an issue while you write it.")
def preview(
    slug: Annotated[
        str, typer.Argument(metavar="[SLUG]", help="An issue's slug, or sequence/step; the newest issue if left away.")
    ] = "",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes any free one.")] = 8027,
    show: Annotated[bool, typer.Option("--open", help="Show it in the browser.")] = False,
    project: Project = HERE,
) -> None:
    """Serve a page on this machine alone that follows every change: editions, widths, light and dark, text, preflight."""
    from worker.preview.press import Press
    from worker.preview.server import HOST, create_preview, preview_server

    context = open_context(project)
    with Press(context.settings.project) as press:
        try:
            server = preview_server(create_preview(context.settings.project, press, slug), port)
        except (OSError, SystemExit):
            raise UsageError(f"port {port} is taken", fix="name another with --port, or 0 for any free one") from None
        address = f"http://{HOST}:{server.server_port}/"
        say(f"The preview is at {address}; Ctrl-C ends it.")
        sys.stdout.flush()
        if show:
            webbrowser.open(address)
        with server:
            server.serve_forever()
