"""The reader's own page: everything, launches only, a pause until a day; each change can be taken back there."""

import re
from datetime import UTC, datetime

import pytest
from sqlalchemy import update

from tests.support.makers import make_subscriber, make_suppression
from worker.domain.subscriber import SubscriberStatus, Wants
from worker.store.engine import writing
from worker.store.tables import subscribers

MIDNIGHT_IN_SANTA_FE = datetime(2024, 3, 12, 6, tzinfo=UTC)  # summer time has begun two days before


@pytest.fixture
def own(post):
    """The page's path; the reader is ada@example.com."""
    with writing(post.context.engine) as connection:
        reader = make_subscriber(connection, "paid", address="ada@example.com")
    return post.context.signer.manage_path(reader.id, 0)


def chosen(post):
    reader = post.reader()
    return reader.wants, reader.paused_until


def test_a_reader_chooses_launches_a_pause_and_everything_again(post, own):
    page = post.client.post(own, data={"wants": "launches"})
    assert (page.status_code, "hear of launches alone" in page.text) == (200, True)
    assert chosen(post) == (Wants.LAUNCHES, None)
    page = post.client.post(own, data={"wants": "everything", "paused_until": "2024-03-12"}).text
    assert "Nothing comes before 12 March 2024" in page
    assert chosen(post) == (Wants.EVERYTHING, MIDNIGHT_IN_SANTA_FE)
    assert 'value="2024-03-12"' in post.client.get(own).text
    post.client.post(own, data={"wants": "everything", "paused_until": ""})
    assert chosen(post) == (Wants.EVERYTHING, None)


def test_a_change_is_taken_back_by_the_button_beside_it(post, own):
    post.client.post(own, data={"wants": "launches"})
    page = post.client.post(own, data={"wants": "everything", "paused_until": "2024-03-12"}).text
    form = page.partition('class="undo"')[2].partition("</form>")[0]
    before = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form))
    page = post.client.post(own, data=before).text
    assert chosen(post) == (Wants.LAUNCHES, None)
    assert "Undo" in page
    assert "Undo" not in post.client.post(own, data=before).text  # nothing was changed


@pytest.mark.parametrize("fields", [{}, {"wants": "nothing"}, {"wants": "everything", "paused_until": "soon"}, {"wants": "everything", "paused_until": "2024-01-08"}, {"wants": "everything", "paused_until": "2027-01-01"}, {"wants": "everything", "paused_until": "9999-12-31"}])  # fmt: skip
def test_what_cannot_be_chosen_is_said_and_changes_nothing(post, own, fields):
    page = post.client.post(own, data=fields)
    assert (page.status_code, chosen(post)) == (400, (Wants.EVERYTHING, None))
    assert 'role="alert"' in page.text


def test_opening_the_page_changes_nothing_and_shows_no_address(post, own):
    before = post.reader()
    for method in ("GET", "HEAD") * 3:
        assert "ada@" not in post.client.open(own, method=method).text
    assert post.reader() == before


def test_a_pause_that_is_over_is_not_shown(post, own):
    with writing(post.context.engine) as connection:
        connection.execute(update(subscribers).values(paused_until=datetime(2023, 1, 1, tzinfo=UTC)))
    assert "pause until" not in post.client.get(own).text


@pytest.mark.parametrize(
    ("reason", "words"),
    [("unsubscribed", "You have left"), ("complained", "reported as spam"), ("bounced", "came back"), ("invalid", "came back")],
)  # fmt: skip
def test_who_is_not_mailed_is_told_why_and_how_payment_ends(post, own, reason, words):
    with writing(post.context.engine) as connection:
        make_suppression(connection, "ada@example.com", reason, evidence="event:e1")
    page = post.client.get(own).text
    assert words in page
    assert "payment" in page
    assert "<form" not in page
    post.client.post(own, data={"wants": "launches"})
    if reason in ("unsubscribed", "complained"):
        assert chosen(post)[0] is Wants.EVERYTHING


def test_who_has_not_confirmed_is_told_so(post):
    with writing(post.context.engine) as connection:
        reader = make_subscriber(connection, status="pending")
    assert "have not confirmed" in post.client.get(post.context.signer.manage_path(reader.id)).text


def test_links_of_a_record_that_was_merged_act_on_the_one_that_goes_on(post):
    with writing(post.context.engine) as connection:
        old, middle, new = (
            make_subscriber(connection, address=f"{name}@example.com") for name in ("old", "mid", "ada")
        )
        for one, into in ((old, middle), (middle, new)):
            emptied = {"address": "", "address_key": None, "status": "erased", "merged_into": into.id}
            connection.execute(update(subscribers).where(subscribers.c.id == one.id).values(emptied))
    signer = post.context.signer
    post.client.post(signer.manage_path(old.id), data={"wants": "launches"})
    assert chosen(post)[0] is Wants.LAUNCHES
    assert "You have left" in post.client.post(signer.unsubscribe_path(old.id, 3)).text
    assert post.reader().status is SubscriberStatus.UNSUBSCRIBED


def test_records_merged_in_a_circle_are_nobodys(post):
    with writing(post.context.engine) as connection:
        one, two = make_subscriber(connection), make_subscriber(connection)
        for a, b in ((one, two), (two, one)):
            connection.execute(update(subscribers).where(subscribers.c.id == a.id).values(merged_into=b.id))
    assert post.client.post(post.context.signer.unsubscribe_path(one.id, 0)).status_code == 200


def test_the_page_leads_to_the_readers_own_page_of_friends_and_nobody_elses(post, own):
    reader = post.reader()
    paths = re.findall(r'href="(/f/[^"]+)"', post.client.get(own).text)
    assert paths == [post.context.signer.friends_path(reader.id)]
    assert reader.referral_code in post.client.get(paths[0]).text


def test_who_has_left_is_not_asked_to_pass_it_on(post, own):
    with writing(post.context.engine) as connection:
        make_suppression(connection, "ada@example.com", "unsubscribed")
    assert "/f/" not in post.client.get(own).text
