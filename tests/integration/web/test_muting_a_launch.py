"""Not this launch: the button mutes one launch, can be taken back, and touches nothing else; a link does nothing."""

import pytest

from tests.support.everything import everything
from tests.support.launches import LAUNCH, write_project
from tests.support.ledger import make_mailing
from tests.support.makers import NOW, make_subscriber
from worker.domain.mailing import MailingKind
from worker.store.engine import reading, writing
from worker.store.launches import has_muted
from worker.store.subscribers import by_id
from worker.web.app import create_app


@pytest.fixture
def context(make_context, database_url, tmp_path):
    write_project(tmp_path)
    (tmp_path / "content" / "launches" / "other.toml").write_text(LAUNCH.replace("groups-2026", "other"))
    return make_context(database_url)


@pytest.fixture
def client(context):
    return create_app(context, now=lambda: NOW).test_client()


@pytest.fixture
def reader(context):
    with writing(context.engine) as connection:
        return make_subscriber(connection)


def muted(context, reader, launch="groups-2026"):
    with reading(context.engine) as connection:
        return has_muted(connection, launch, reader.id)


def test_following_the_link_changes_nothing(context, client, signer, reader):
    before = everything(context.engine)
    for method in ("GET", "HEAD") * 3:
        assert client.open(signer.mute_path(reader.id, "groups-2026"), method=method).status_code == 200
    assert everything(context.engine) == before


def test_the_button_mutes_that_launch_alone_and_can_be_taken_back(context, client, signer, reader):
    path = signer.mute_path(reader.id, "groups-2026")
    for _ in range(2):
        page = client.post(path).text
        assert "No more about Producer &amp; Groups" in page
    assert muted(context, reader)
    assert not muted(context, reader, "other")
    with reading(context.engine) as connection:
        assert by_id(connection, reader.id) == reader
    assert "Undo" in client.get(path).text
    for _ in range(2):
        assert "Taken back" in client.post(path, data={"again": "1"}).text
    assert not muted(context, reader)


def test_a_mail_programs_own_post_mutes_whatever_it_sends(context, client, signer, reader):
    client.post(
        signer.mute_path(reader.id, "groups-2026"), data=b"\x00\xff", content_type="multipart/form-data; boundary=b"
    )
    assert muted(context, reader)


def test_links_of_other_purposes_and_damaged_ones_mute_nothing(context, client, signer, reader):
    apply = signer.apply_path(reader.id, "groups-2026")
    for path in (apply.replace("/a/", "/n/"), signer.mute_path(reader.id, "groups-2026") + "x", "/n/x"):
        assert client.post(path).status_code == 404
    assert client.post(signer.mute_path(reader.id, "unknown")).status_code == 404
    assert not muted(context, reader)


def test_who_is_not_here_any_more_changes_nothing(context, client, signer, reader):
    with writing(context.engine) as connection:
        erased = make_subscriber(connection, status="erased")
    before = everything(context.engine)
    for one in (reader.id + 100, erased.id):
        assert client.post(signer.mute_path(one, "groups-2026")).status_code == 200
    assert everything(context.engine) == before


def test_the_readers_own_page_and_the_way_out_offer_it_too(context, client, signer, reader):
    path = signer.mute_path(reader.id, "groups-2026")
    assert path in client.get(signer.manage_path(reader.id)).text
    with writing(context.engine) as connection:
        step = make_mailing(connection, kind=MailingKind.STEP, launch_id="groups-2026")
        letter = make_mailing(connection)
    assert path in client.get(signer.unsubscribe_path(reader.id, step)).text
    assert "/n/" not in client.get(signer.unsubscribe_path(reader.id, letter)).text
    client.post(path)
    assert "you hear no more of it" in client.get(signer.manage_path(reader.id)).text


def test_a_broken_launch_file_keeps_nobody_from_leaving(context, client, signer, reader, tmp_path):
    (tmp_path / "content" / "launches" / "groups.toml").write_text("id = ")
    with writing(context.engine) as connection:
        step = make_mailing(connection, kind=MailingKind.STEP, launch_id="groups-2026")
    assert client.get(signer.unsubscribe_path(reader.id, step)).status_code == 200
    assert client.get(signer.manage_path(reader.id)).status_code == 200
