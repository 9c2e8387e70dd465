"""One small simulation for all tests here."""

import shutil

import pytest

from tests.support.simulation.run import run


@pytest.fixture(scope="session")
def ran(sqlite_template, tmp_path_factory):
    """Seven weeks of 120 readers in a lively world, with a launch that is re-timed while it runs."""
    folder = tmp_path_factory.mktemp("simulation")
    path = folder / "simulation.db"
    shutil.copyfile(sqlite_template, path)
    found = run(
        f"sqlite:///{path}", "seven weeks", 120, days=48, every_minutes=100, liveliness=4.0, folder=folder / "project"
    )
    yield found
    found.product.close()
