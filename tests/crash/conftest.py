"""The databases of the crash tests: SQLite always, PostgreSQL with `--both-databases`; what they count goes to a table."""

import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path

import pytest

from tests.support.crash_driver import Warm
from tests.support.crash_ground import own_postgres
from worker.embedded.supervisor import Supervisor


def pytest_configure(config):
    config.addinivalue_line("markers", "long: takes tens of seconds; only with --every-point")
    config.addinivalue_line("markers", "slow: takes ten seconds or so; only with --both-databases")


def pytest_generate_tests(metafunc):
    if "crash_url" in metafunc.fixturenames:
        both = metafunc.config.getoption("both_databases")
        metafunc.parametrize("crash_url", ["sqlite", "postgresql"] if both else ["sqlite"], indirect=True)


def pytest_collection_modifyitems(config, items):
    wanted = {"long": config.getoption("every_point"), "slow": config.getoption("both_databases")}
    left_out = [one for one in items if any(one.get_closest_marker(name) and not wanted[name] for name in wanted)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [one for one in items if one not in left_out]


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
def supervisor(tmp_path):
    with Supervisor(logs=tmp_path / "logs", grace_seconds=15) as one:
        yield one


@pytest.fixture
def postgres():
    """A PostgreSQL server of the test's own, to be stopped and started. Ask for it before what uses it."""
    with own_postgres() as server:
        yield server


@pytest.fixture
def every_point(request):
    """Whether all points are wanted, and not a sample."""
    return request.config.getoption("every_point")


@pytest.fixture
def count_outcome(record_property):
    """Takes a crash_counts.Outcome to the table at the end of `make crash`, from whatever process the test runs in."""
    return lambda outcome: record_property("crash", asdict(outcome))
