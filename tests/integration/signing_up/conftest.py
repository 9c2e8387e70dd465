import pytest

from tests.support.mailroom import mailroom, start_mailroom  # noqa: F401  (fixtures)
from tests.support.sending import open_context
from tests.support.signing_up import Post


@pytest.fixture
def make_post(mailroom, tmp_path):  # noqa: F811
    opened = []

    def make(database_url, **settings):
        context = open_context(database_url, mailroom.url, tmp_path / "state", **settings)
        opened.append(context)
        return Post(context, mailroom)

    yield make
    for context in opened:
        context.engine.dispose()


@pytest.fixture
def post(make_post, database_url):
    """On both databases."""
    return make_post(database_url)
