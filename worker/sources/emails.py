"""How mail looks: the templates in `emails/` and their theme, as text and tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from worker.errors import SourceError
from worker.sources.files import Toml, read_text

_SUFFIX = ".mjml.j2"


def read_templates(project: Path) -> dict[str, str]:
    """Every template's text by its name within `emails/`, such as `blocks/audio.mjml.j2`."""
    folder = project / "emails"
    found = {
        path.relative_to(folder).as_posix(): read_text(project, path)[0] for path in sorted(folder.rglob(f"*{_SUFFIX}"))
    }
    if not found:
        raise SourceError("there are no templates", file="emails", fix="copy the emails/ folder of a new project")
    return found


def read_theme(project: Path) -> dict[str, Any]:
    """The tables of `emails/theme.toml`."""
    return dict(Toml.read(project, project / "emails" / "theme.toml").values)
