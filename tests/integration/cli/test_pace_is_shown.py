"""What the pace does is told: days under the warm-up by `send` and `status`, waits by `status` and /ops."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.support.sending import SAMPLE
from worker.store.engine import writing
from worker.store.pace import block


@pytest.fixture
def warming(project):
    """A warm-up that began yesterday: five today, and five on each of the next days."""
    file = project / "content" / "publication.toml"
    started = (datetime.now(UTC) - timedelta(days=1)).date()
    file.write_text(f"{file.read_text()}\n[warm_up]\nstarted = {started}\ndaily = [5, 5, 5, 5, 5, 5]\n")


def test_send_and_status_say_on_how_many_days_a_broadcast_goes(on, readers, warming, work):
    sent = on("send", SAMPLE, "--yes")
    assert (sent.code, "Under the warm-up this takes 3 days." in sent.out) == (0, True)
    work(1)
    seen = on("status", SAMPLE, "--json").json
    assert (seen["submitted"], seen["pending"], seen["warm_up_days"]) == (5, 7, 3), "nothing is left of today"
    assert datetime.fromisoformat(seen["waits_until"]) > datetime.now(UTC)
    shown = on("status", SAMPLE).out
    assert "this takes 3 days" in shown
    assert "waits until" in shown
    assert "[warm_up]" in shown


def test_send_says_it_to_a_machine_too(on, readers, warming):
    assert on("send", SAMPLE, "--yes", "--json").json["warm_up_days"] == 3


def test_without_a_warm_up_nothing_is_said_about_days(on, readers, work):
    sent = on("send", SAMPLE, "--yes")
    assert "warm-up" not in sent.out
    work(1)
    seen = on("status", SAMPLE, "--json").json
    assert (seen["warm_up_days"], seen["waits_until"]) == (None, None)


def test_status_says_until_when_sendgrids_rate_limit_holds(on, readers, work, context):
    on("send", SAMPLE, "--yes")
    with writing(context.engine) as connection:
        block(connection, "account", datetime.now(UTC) + timedelta(minutes=5))
    work(1)
    assert "SendGrid's rate limit" in on("status", SAMPLE).out


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ("started = 2026-12-01", "needs either daily or plan"),
        ('started = 2026-12-01\nplan = "sendgrid"\ndaily = [5]', "needs either daily or plan"),
        ('started = 2026-12-01\nplan = "fast"', "is no plan: 'fast'"),
        ('started = "soon"\nplan = "sendgrid"', "is no date"),
        ("started = 2026-12-01T07:00\ndaily = [5]", "is no date"),
        ("started = 2026-12-01\ndaily = [5, 0]", "whole numbers above 0"),
        ("started = 2026-12-01\ndaily = []", "whole numbers above 0"),
        ("started = 2026-12-01\ndayly = [5]", "is no key Broadsheet knows"),
    ],
)
def test_a_warm_up_written_wrongly_is_an_error_that_names_file_and_fix(on, readers, project, lines, says):
    file = project / "content" / "publication.toml"
    file.write_text(f"{file.read_text()}\n[warm_up]\n{lines}\n")
    ended = on("send", SAMPLE, "--yes")
    assert ended.code in (1, 2)
    assert says in " ".join(ended.err.split())
    assert "content/publication.toml" in ended.err


def test_a_warm_up_may_name_its_plan_and_write_its_date_as_text(on, readers, project):
    file = project / "content" / "publication.toml"
    today = datetime.now(UTC).date() - timedelta(days=2)
    file.write_text(f'{file.read_text()}\n[warm_up]\nstarted = "{today}"\nplan = "sendgrid"\n')
    assert "The warm-up lets it all go on one day." in on("send", SAMPLE, "--yes").out


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("RATE_PER_HOUR", "0", "RATE_PER_HOUR"),
        ("RATE_PER_SECOND", "many", "RATE_PER_SECOND"),
        ("ALERT_ADDRESS", "nobody", "ALERT_ADDRESS: is no mail address"),
    ],
)
def test_a_limit_or_an_alert_address_that_cannot_be_used_is_named(on, project, name, value, says):
    with (project / ".env").open("a") as file:
        file.write(f"\n{name}={value}\n")
    ended = on("status")
    assert ended.code == 2
    assert says in ended.err
