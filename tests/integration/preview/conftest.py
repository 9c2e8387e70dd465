"""A project of one's own and its preview, served on loopback by a thread, with a real child process behind it."""

import shutil
import threading
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlencode

import pytest

from tests.support.commands import broadsheet, copy_project  # noqa: F401  (a fixture)
from worker.preview.press import Press
from worker.preview.server import create_preview, preview_server

SECRET = "a secret of at least thirty-two letters"


@dataclass
class Page:
    status: int
    body: str
    headers: dict


@dataclass
class Previewed:
    url: str
    press: Press

    def get(self, path="/", headers=None, **query):
        address = f"{self.url}{path}" + (f"?{urlencode(query)}" if query else "")
        try:
            with urllib.request.urlopen(urllib.request.Request(address, headers=headers or {}), timeout=60) as answer:
                return Page(answer.status, answer.read().decode(errors="replace"), dict(answer.headers))
        except urllib.error.HTTPError as refused:
            with refused:
                return Page(refused.code, refused.read().decode(), dict(refused.headers))


def _laid_out(folder, template):
    folder.mkdir()
    shutil.copyfile(template, folder / "broadsheet.db")
    url = f"sqlite:///{folder / 'broadsheet.db'}"
    return copy_project(folder, database_url=url, base_url="https://letters.example.com", secret_key=SECRET)


@contextmanager
def _served(project, press):
    server = preview_server(create_preview(project, press), 0)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield Previewed(f"http://127.0.0.1:{server.server_port}", press)
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def project(tmp_path, sqlite_template):
    return _laid_out(tmp_path / "a project", sqlite_template)


@pytest.fixture
def issue(project):
    (path,) = (project / "content" / "issues").glob("*quiet-weeks*")
    return path


@pytest.fixture
def press(project):
    with Press(project) as one:
        yield one


@pytest.fixture
def preview(project, press):
    with _served(project, press) as served:
        yield served


@pytest.fixture(scope="module")
def still(tmp_path_factory, sqlite_template):
    """A preview of a project that no test changes: one renderer for all of them."""
    project = _laid_out(tmp_path_factory.mktemp("preview") / "a still project", sqlite_template)
    with Press(project) as press, _served(project, press) as served:
        yield served
