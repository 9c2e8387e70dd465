"""SendGrid's lists, kept by a mailroom, and a context at the other end of a real socket, on both databases."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from tests.support.commands import broadsheet  # noqa: F401  (a fixture)
from tests.support.mailroom import mailroom, start_mailroom  # noqa: F401  (fixtures)
from tests.support.sending import open_context
from worker.store.engine import reading
from worker.store.tables import suppressions

NOW = datetime(2026, 11, 16, 8, 0, tzinfo=UTC)
UNIX = int(NOW.timestamp())
DAY = 86_400


@pytest.fixture
def context(database_url, mailroom, tmp_path):  # noqa: F811
    opened = open_context(database_url, mailroom.url, tmp_path / "state")
    yield opened
    opened.engine.dispose()


@pytest.fixture
def rows(context):
    """`rows()`: address key -> (reason, evidence, whether pushed), of everybody suppressed here."""

    def read():
        with reading(context.engine) as connection:
            found = connection.execute(select(suppressions).order_by(suppressions.c.address_key)).all()
        return {row.address_key: (row.reason, row.evidence, row.pushed_at is not None) for row in found}

    return read
