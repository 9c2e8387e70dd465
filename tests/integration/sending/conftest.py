"""The real provider on both databases, with a mailroom at the other end of a real socket."""

import pytest

from tests.support.commands import broadsheet  # noqa: F401  (fixtures)
from tests.support.mailroom import mailroom, start_mailroom  # noqa: F401  (fixtures)
from tests.support.sending import open_context


@pytest.fixture
def make_context(database_url, tmp_path):
    """`make_context(api_url, **settings)`; engines are disposed of after the test."""
    made = []

    def make(api_url, **settings):
        made.append(open_context(settings.pop("url", database_url), api_url, tmp_path / "state", **settings))
        return made[-1]

    yield make
    for context in made:
        if "engine" in vars(context):
            context.engine.dispose()


@pytest.fixture
def context(make_context, mailroom):  # noqa: F811
    return make_context(mailroom.url)
