"""Commands for tests, as `worker.cli.main` runs them: `broadsheet("status", "--json")` gives code, out and err."""

import json
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from worker.cli.app import app
from worker.cli.failures import run_quietly
from worker.config import Settings

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Ended:
    """How a command ended. `json` is what it printed with --json."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


@pytest.fixture
def broadsheet(monkeypatch, capsys):
    """Runs a command in this process. `env` sets variables for it alone; settings of the surroundings are not seen."""
    for name in (*(field.upper() for field in Settings.model_fields), "BROADSHEET_PROJECT", "PORT"):
        monkeypatch.delenv(name, raising=False)

    def run(*words, env=None):
        with monkeypatch.context() as patch:
            patch.setattr(sys, "argv", ["broadsheet", *map(str, words)])
            patch.setattr(sys.modules["__main__"], "__package__", "")  # `python -m pytest` has one, and Click shows it
            for name, value in (env or {}).items():
                patch.setenv(name, value)
            capsys.readouterr()
            code = run_quietly(app)
            printed = capsys.readouterr()
        assert "Traceback" not in printed.out + printed.err
        return Ended(code, printed.out, printed.err)

    return run


def clean_environment(**changes):
    """The environment without settings of ours, for a command in a process of its own."""
    ours = {field.upper() for field in Settings.model_fields} | {"BROADSHEET_PROJECT", "PORT", "COLUMNS"}
    return {name: value for name, value in os.environ.items() if name not in ours} | changes


def copy_project(folder, **settings):
    """A project like an author's own: this repository's texts and templates, and a `.env` with these settings."""
    for part in ("content", "emails"):
        shutil.copytree(ROOT / part, folder / part)
    lines = "".join(f"{name.upper()}={value}\n" for name, value in settings.items())
    (folder / ".env").write_text(lines, encoding="utf-8")
    return folder
