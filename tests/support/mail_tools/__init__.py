"""Tools of other people that judge our mail: npm packages of exact versions, installed once beside the virtual environment.

Nothing of them is committed. `node_tools` installs what is missing; `run_node` asks one of the scripts in this folder.
"""

from __future__ import annotations

import fcntl
import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
INSTALLED = ROOT / ".venv" / "mail-tools"


class ToolMissing(Exception):
    """A tool that is not on this machine, with the reason."""


def wanted() -> dict[str, str]:
    """Package and version, as package.json says."""
    found: dict[str, str] = json.loads((HERE / "package.json").read_text(encoding="utf-8"))["dependencies"]
    return found


def node_tools() -> Path:
    """The node_modules folder with every package in its version. Raises ToolMissing where it cannot be had."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            raise ToolMissing(f"{program} is not installed")
    modules = INSTALLED / "node_modules"
    with _alone():
        if _versions(modules) != wanted():
            _install(modules)
    return modules


def _install(modules: Path) -> None:
    packages = [f"{name}@{version}" for name, version in wanted().items()]
    options = ["--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    command = ["npm", "install", *options, "--prefix", str(INSTALLED), *packages]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode or _versions(modules) != wanted():
        raise ToolMissing(f"npm could not install {' '.join(packages)}: {done.stderr.strip()[-300:]}")


@contextmanager
def _alone() -> Iterator[None]:
    """Only one of several processes that test side by side installs; the others wait for it."""
    INSTALLED.mkdir(parents=True, exist_ok=True)
    with (INSTALLED / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def run_node(script: str, given: Any, *, timeout: float = 300) -> Any:
    """What a script of this folder answers to `given`, both as JSON. Raises AssertionError with what it printed."""
    command = ["node", str(HERE / script), str(node_tools())]
    asked = json.dumps(given)
    done = subprocess.run(command, input=asked, capture_output=True, text=True, check=False, timeout=timeout)
    assert done.returncode == 0, f"{script} failed:\n{done.stderr.strip()[-2000:]}"
    return json.loads(done.stdout)


def _versions(modules: Path) -> dict[str, str]:
    found = {}
    for name in wanted():
        try:
            about = json.loads((modules / name / "package.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        found[name] = about["version"]
    return found
