"""An embedded Valkey for tests: one per run, emptied per test, on a Unix socket in a short folder."""

import shutil
import tempfile
from pathlib import Path

import pytest
import redis

from worker.embedded.supervisor import Supervisor
from worker.embedded.valkey import start_valkey


@pytest.fixture(scope="session")
def short_folder():
    """A folder whose path leaves room for a socket's name, which pytest's own folders do not promise."""
    folder = Path(tempfile.mkdtemp(prefix="bs-vk-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def valkey_server(short_folder):
    with Supervisor(logs=short_folder / "logs", grace_seconds=5) as supervisor:
        yield start_valkey(supervisor, short_folder)


@pytest.fixture
def valkey_url(valkey_server):
    """The URL of an empty queue."""
    with redis.Redis.from_url(valkey_server) as client:
        client.flushall()
    return valkey_server
