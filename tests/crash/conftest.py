"""The databases of the crash tests: SQLite always, PostgreSQL with `--both-databases`; a table at the end."""

import shutil
import tempfile
from pathlib import Path

import pytest

from tests.support.crash_driver import Warm

OUTCOMES = pytest.StashKey()


def pytest_configure(config):
    config.stash[OUTCOMES] = []


def pytest_generate_tests(metafunc):
    if "crash_url" in metafunc.fixturenames:
        both = metafunc.config.getoption("both_databases")
        metafunc.parametrize("crash_url", ["sqlite", "postgresql"] if both else ["sqlite"], indirect=True)


@pytest.fixture
def crash_url(request, crash_folder):
    if request.param == "postgresql":
        return request.getfixturevalue("postgresql_url")
    path = crash_folder / "broadsheet.db"
    shutil.copyfile(request.getfixturevalue("sqlite_template"), path)
    return f"sqlite:///{path}"


@pytest.fixture
def crash_folder():
    """In memory where the system has such a place: a killed process loses nothing the kernel has, disk or not."""
    shared = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="bs-crash-", dir=shared if shared.is_dir() else None))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def warm():
    with Warm() as process:
        yield process


@pytest.fixture
def outcomes(request):
    return request.config.stash[OUTCOMES]


def pytest_terminal_summary(terminalreporter, config):
    found = config.stash[OUTCOMES]
    if not found:
        return
    terminalreporter.section("crash points")
    terminalreporter.write_line(f"{'scenario':<52}{'database':<12}{'points':>7}{'seconds':>9}{'failures':>10}")
    for one in sorted(found, key=lambda one: (one.database, one.scenario)):
        line = f"{one.scenario:<52}{one.database:<12}{one.points:>7}{one.seconds:>9.1f}{len(one.failures):>10}"
        terminalreporter.write_line(line)
