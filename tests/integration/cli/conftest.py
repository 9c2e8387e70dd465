"""A project folder of one's own, with a mailroom behind it, and commands that run on it."""

from datetime import UTC, datetime

import pytest

from tests.support.commands import broadsheet, copy_project  # noqa: F401  (a fixture)
from tests.support.mailroom import mailroom, start_mailroom  # noqa: F401  (fixtures)
from tests.support.makers import make_subscriber, make_subscribers
from tests.support.sending import BASE_URL, KEY, SECRET
from worker.config import load_settings
from worker.context import Context
from worker.store.engine import writing
from worker.usecases.plan_mailing import plan_mailing
from worker.usecases.submit_batches import submit_batches


@pytest.fixture
def project(tmp_path, sqlite_url, mailroom):  # noqa: F811
    """Its database is migrated and empty."""
    folder = tmp_path / "a project"
    folder.mkdir()
    return copy_project(
        folder,
        database_url=sqlite_url,
        base_url=BASE_URL,
        secret_key=SECRET,
        sendgrid_api_key=KEY,
        sendgrid_api_url=mailroom.url,
        batch_size="5",
    )


@pytest.fixture
def context(project):
    one = Context(load_settings(project, {}))
    yield one
    one.engine.dispose()


@pytest.fixture
def readers(context):
    """Twelve who may be mailed, four of them paying, and three who may not."""
    with writing(context.engine) as connection:
        make_subscribers(connection, 8)
        make_subscribers(connection, 4, plan="paid")
        make_subscriber(connection, address="left@example.com", status="unsubscribed")
        make_subscriber(connection, address="pending@example.com", status="pending")
        make_subscriber(connection, address="bounced@example.com", suppressed="bounced")


@pytest.fixture
def on(broadsheet, project):  # noqa: F811
    """Runs a command on the project: `on("status", "--json")`."""

    def run(*words, **given):
        return broadsheet(*words, "--project", project, **given)

    return run


@pytest.fixture
def work(context):
    """What the workers would do now for a mailing, in this process."""

    def submit(mailing_id):
        plan_mailing(context.engine, mailing_id, context.prepare, datetime.now(UTC))
        while submit_batches(context.engine, context.provider, mailing_id, context.terms):
            pass

    return submit
