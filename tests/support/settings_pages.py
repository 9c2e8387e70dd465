"""Writes `.env.example` and docs/configuration.md from Settings: `python -m tests.support.settings_pages`.

Settings is the only place where a setting is described; a house test fails when the two files differ from it.
"""

import textwrap
from pathlib import Path

from pydantic import SecretStr

from worker.config import Settings

ROOT = Path(__file__).resolve().parents[2]
WIDTH = 110


def settings():
    """(variable, default as text, description, whether it is a secret), in the order of the class."""
    for name, field in Settings.model_fields.items():
        if name != "project":
            secret = isinstance(field.default, SecretStr)
            yield name.upper(), _plain(field.default), field.description, secret


def env_example():
    parts = ["# Copy to .env and fill in. What is set in the environment wins; an empty value counts as not set.\n"]
    for name, default, description, _secret in settings():
        comment = textwrap.fill(description, WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)
        parts.append(f"{comment}\n{'#' if default else ''}{name}={default}\n")
    return "\n".join(parts)


def configuration_page():
    rows = [
        f"| `{name}` | {_code(default)} | {description}{' *Secret.*' if secret else ''} |"
        for name, default, description, secret in settings()
    ]
    return CONFIGURATION.format(rows="\n".join(rows))


CONFIGURATION = """\
# Configuration

Every setting is an environment variable; `.env` in the project folder fills what the environment does not set. An
empty value counts as not set. A wrong or missing value is an error that names every such variable at once, and never
repeats a secret.

This page is written from `worker/config.py` by `make settings`.

| variable | default | meaning |
|---|---|---|
{rows}

What the author decides (name, sender, weekly hour, segments, rewards) is not here but in `content/publication.toml`.
"""


def _plain(value):
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _code(default):
    return f"`{default}`" if default else "none"


def main():
    (ROOT / ".env.example").write_text(env_example(), encoding="utf-8")
    (ROOT / "docs" / "configuration.md").write_text(configuration_page(), encoding="utf-8")


if __name__ == "__main__":
    main()
