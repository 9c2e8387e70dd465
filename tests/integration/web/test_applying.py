"""Applying to a launch: the button converts, once, while the launch is open; nothing else ever does."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from tests.support.launches import LAUNCH, write_project
from tests.support.makers import NOW, make_subscriber
from worker.context import Context
from worker.sources import read_launches
from worker.store.engine import reading, writing
from worker.store.tables import launch_conversions
from worker.usecases.note_launches import note_launches
from worker.web.app import create_app


@pytest.fixture
def project(tmp_path):
    return write_project(tmp_path)


@pytest.fixture
def clock():
    """The time the application sees, in a list so that a test may change it."""
    return [NOW]


@pytest.fixture
def context(make_context, database_url):
    """The real context: publication and launch are read from the project's files."""
    context = Context(make_context(database_url).settings)
    yield context
    context.engine.dispose()


@pytest.fixture
def client(context, project, clock):
    return create_app(context, now=lambda: clock[0]).test_client()


@pytest.fixture
def reader(context):
    with writing(context.engine) as connection:
        return make_subscriber(connection)


def conversions(context):
    with reading(context.engine) as connection:
        return [tuple(row) for row in connection.execute(select(launch_conversions))]


def test_opening_the_page_converts_nobody(context, client, signer, reader):
    for method in ("GET", "HEAD"):
        answer = client.open(signer.apply_path(reader.id, "groups-2026"), method=method)
        assert answer.status_code == 200
    page = client.get(signer.apply_path(reader.id, "groups-2026")).text
    assert "Producer &amp; Groups" in page
    assert ">Apply</button>" in page
    assert conversions(context) == []


def test_the_button_converts_once_however_often_it_is_pressed(context, client, signer, reader, clock):
    path = signer.apply_path(reader.id, "groups-2026")
    for minute in (0, 5):
        clock[0] = NOW.replace(minute=minute)
        answer = client.post(path)
        assert (answer.status_code, answer.headers["Location"]) == (303, "https://example.com/groups")
    assert conversions(context) == [("groups-2026", reader.id, "applied", NOW)]
    page = client.get(path).text
    assert "application is noted" in page
    assert "<button" not in page


@pytest.mark.parametrize(
    ("now", "words"),
    [
        # 09:00 in Denver is 16:00 UTC; 18:00 is 01:00 UTC on the next day.
        (datetime(2026, 11, 10, 15, 59, tzinfo=UTC), "This opens on"),
        (datetime(2026, 11, 10, 16, 0, tzinfo=UTC), "redirected"),
        (datetime(2026, 11, 21, 0, 59, tzinfo=UTC), "redirected"),
        (datetime(2026, 11, 21, 1, 0, tzinfo=UTC), "This closed on"),
    ],
)
def test_it_counts_from_opening_to_closing_on_the_launchs_own_wall_clock(
    context, client, signer, reader, clock, now, words
):
    clock[0] = now
    answer = client.post(signer.apply_path(reader.id, "groups-2026"))
    assert words in ("redirected" if answer.status_code == 303 else answer.text)
    assert len(conversions(context)) == (words == "redirected")


def test_somebody_who_applied_in_time_still_sees_so_after_the_close(client, signer, reader, clock):
    path = signer.apply_path(reader.id, "groups-2026")
    client.post(path)
    clock[0] = datetime(2027, 1, 1, tzinfo=UTC)
    assert "application is noted" in client.get(path).text


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_unknown_launch_and_a_damaged_link_are_404(context, client, signer, reader, method):
    assert client.open(signer.apply_path(reader.id, "another"), method=method).status_code == 404
    assert client.open(signer.apply_path(reader.id, "groups-2026") + "x", method=method).status_code == 404
    assert conversions(context) == []


def test_a_reader_who_is_not_here_any_more_converts_nobody(context, client, signer, reader):
    assert client.post(signer.apply_path(reader.id + 1, "groups-2026")).status_code == 303
    with writing(context.engine) as connection:
        erased = make_subscriber(connection, status="erased")
    assert client.post(signer.apply_path(erased.id, "groups-2026")).status_code == 303
    assert conversions(context) == []


def test_the_button_leads_where_the_file_says_and_nowhere_a_request_says(client, signer, reader, project):
    path = signer.apply_path(reader.id, "groups-2026")
    file = project / "content" / "launches" / "groups.toml"
    file.write_text(LAUNCH + 'forward = "https://shop.example.org/form?for=groups"\n')
    for asked in ("?next=https://evil.example", "?forward=//evil.example/", "?url=javascript:alert(1)"):
        answer = client.post(
            path + asked,
            data={"forward": "https://evil.example", "page": "https://evil.example"},
            headers={"Referer": "https://evil.example", "Origin": "https://evil.example"},
        )
        assert answer.status_code == 303
        assert answer.headers["Location"] == "https://shop.example.org/form?for=groups"
        assert answer.headers["Referrer-Policy"] == "no-referrer"


def test_the_page_lets_a_browser_follow_its_button_to_where_it_leads(client, signer, reader):
    policy = client.get(signer.apply_path(reader.id, "groups-2026")).headers["Content-Security-Policy"]
    assert "form-action 'self' https:;" in policy
    assert "form-action 'self';" in client.get("/").headers["Content-Security-Policy"]


def test_a_reader_who_has_the_launchs_tag_has_applied(context, client, signer, project):
    file = project / "content" / "launches" / "groups.toml"
    file.write_text(LAUNCH + 'converted_by = "applicant"\n')
    note_launches(context.engine, read_launches(project).values())
    with writing(context.engine) as connection:
        tagged = make_subscriber(connection, tags=["applicant"])
    assert "application is noted" in client.get(signer.apply_path(tagged.id, "groups-2026")).text
    assert conversions(context) == []


def test_the_masthead_comes_from_the_authors_file(client):
    page = client.get("/").text
    assert "The Slow Ladder" in page
    assert 'lang="en"' in page


def test_a_broken_file_leaves_the_pages_standing(client, project):
    (project / "content" / "publication.toml").write_text("name = 'The")
    answer = client.get("/")
    assert answer.status_code == 200
    assert "This newsletter" in answer.text
