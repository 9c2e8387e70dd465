"""The child process that renders: `python -m worker.preview.child PROJECT`, a question a line in, an answer a line out.

It ends when its input does, so it never outlives the server that started it.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from worker.config import load_settings
from worker.context import Context
from worker.errors import BroadsheetError
from worker.render.links import Signer
from worker.usecases.draw_gallery import draw_gallery
from worker.usecases.look_at_text import Glass, look_at_text


def main() -> None:
    """Answer until the input ends."""
    # What anything prints must not stand between the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    context = Context(load_settings(Path(sys.argv[1])))
    for line in sys.stdin.buffer:
        answers.write(json.dumps(_answer(context, json.loads(line))).encode() + b"\n")
        answers.flush()


def _answer(context: Context, question: dict[str, Any]) -> dict[str, Any]:
    try:
        if question["want"] == "gallery":
            page, problems = draw_gallery(context.settings.project)
            return {"page": page, "problems": problems}
        return look_at_text(_glass(context), question["text"], question["as"], datetime.now(UTC))
    except BroadsheetError as wrong:
        return {"broken": {"problem": wrong.what, "fix": wrong.fix}}
    except Exception as bug:  # shown on the page, with where it happened; the next question may go well
        place = traceback.extract_tb(bug.__traceback__)[-1]
        where = f"{Path(place.filename).name}:{place.lineno}"
        return {"broken": {"problem": f"a bug: {type(bug).__name__} at {where}: {bug}", "fix": "please report it"}}


def _glass(context: Context) -> Glass:
    settings = context.settings
    # Looking needs no secret: without one, a reader's own links are for nobody.
    secrets = settings.signing_secrets or ("only for looking, these links open nothing",)
    return Glass(context.engine, settings.project, settings.base_url, Signer(*secrets), context.editions)


if __name__ == "__main__":
    main()
