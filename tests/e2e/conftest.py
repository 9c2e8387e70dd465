"""A web process of its own, a real Chromium, and tools of other people. Without one its tests are skipped; in CI they fail."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from tests.support.mail_tools import ToolMissing, node_tools
from tests.support.waiting import until
from worker.store.engine import open_engine

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
ROOT = Path(__file__).parents[2]
SECRET = "a secret of at least thirty-two letters"
PASSWORD = "open sesame"


@pytest.fixture(scope="session")
def chromium():
    if not CHROMIUM.exists():
        _without(f"{CHROMIUM} is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def npm_packages():
    """The node_modules folder of tests/support/mail_tools/package.json, installed on first use."""
    try:
        return node_tools()
    except ToolMissing as why:
        _without(str(why))


@pytest.fixture(scope="session")
def spamassassin():
    program = shutil.which("spamassassin")
    return program or _without("spamassassin is not installed")


def _without(reason):
    if os.environ.get("CI"):
        pytest.fail(f"{reason}, and CI must have it")
    pytest.skip(reason)


@pytest.fixture
def web(tmp_path, sqlite_url, valkey_url):
    """A running web process: its `url`, `engine` and `log`. Stopped by SIGTERM, which must end it cleanly."""
    project = tmp_path / "project"
    project.mkdir()
    if (ROOT / "content").is_dir():
        shutil.copytree(ROOT / "content", project / "content")
    environment = os.environ | {
        "DATABASE_URL": sqlite_url,
        "REDIS_URL": valkey_url,
        "SECRET_KEY": SECRET,
        "OPS_PASSWORD": PASSWORD,
    }
    with (tmp_path / "web.log").open("w") as log:
        command = [sys.executable, "-m", "tests.support.web_process", str(project)]
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=log)
    running = Web(tmp_path / "web.log", open_engine(sqlite_url))
    try:
        port = until(lambda: running.port() or process.poll() is not None, what="the web process listening")
        assert process.poll() is None, running.log.read_text()
        running.url = f"http://127.0.0.1:{port}"
        yield running
    finally:
        running.engine.dispose()
        process.send_signal(signal.SIGTERM)
        ended = process.wait(timeout=20)
    assert ended == 0


class Web:
    def __init__(self, log, engine):
        self.log, self.engine, self.url = log, engine, ""

    def port(self):
        lines = (json.loads(line) for line in self.log.read_text().splitlines(keepends=True) if line.endswith("}\n"))
        return next((line["port"] for line in lines if line["event"] == "web listens"), None)
