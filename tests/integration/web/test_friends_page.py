"""A reader's own page of friends and rewards, known by its link alone."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from tests.integration.web.conftest import PUBLICATION
from tests.support.makers import NOW, make_subscriber, make_subscribers
from tests.support.referring import bring, make_milestone, make_rules, verify
from worker.store.engine import reading, writing
from worker.store.referrers import is_named, set_named
from worker.store.tables import referral_rewards

RULES = make_rules(
    make_milestone("guide", 1, file="guide.txt"),
    make_milestone("month", 2),
    make_milestone("words", 2, text="Ring me <any> day"),
    make_milestone("call", 2, text="A call", manual=True),
    make_milestone("room", 3, link="https://example.com/room"),
    make_milestone("year", 9, months=12),
)


@pytest.fixture
def ruled(context, monkeypatch):
    """The publication has milestones, and content/rewards/ their file."""
    folder = context.settings.project / "content" / "rewards"
    folder.mkdir(parents=True)
    (folder / "guide.txt").write_text("the guide", encoding="utf-8")
    (folder / "other.txt").write_text("not yours", encoding="utf-8")
    monkeypatch.setattr(type(context), "publication", replace(PUBLICATION, referral=RULES))
    return context


@pytest.fixture
def reader(ruled):
    with writing(ruled.engine) as connection:
        return make_subscriber(connection, name="Noor Haddad", address="noor@example.com")


def friends(context, reader, count):
    with writing(context.engine) as connection:
        for friend in make_subscribers(connection, count):
            bring(connection, reader, friend)
    verify(context.engine, RULES)


def test_it_shows_the_count_what_comes_next_and_the_readers_own_link(ruled, client, signer, reader):
    friends(ruled, reader, 1)
    page = client.get(signer.friends_path(reader.id)).text
    assert "<strong>1</strong> friend reads" in page
    assert '1 more, and there is a thank-you: <strong lang="en">the reward month</strong>' in page
    assert f'value="{ruled.settings.base_url}/r/{reader.referral_code}"' in page
    assert f'href="/f/{signer.friends_path(reader.id)[3:]}/guide"' in page
    assert "noor@example.com" not in page


def test_what_was_earned_is_there_as_months_a_file_a_link_or_words_and_what_waits_says_so(
    ruled, client, signer, reader
):
    friends(ruled, reader, 3)
    page = client.get(signer.friends_path(reader.id)).text
    assert "1 month of the paid letter, added on 16 November 2026" in page
    assert 'href="https://example.com/room"' in page
    assert "Ring me &lt;any&gt; day" in page
    assert "A call" not in page
    assert "looks at it first" in page


def test_the_file_comes_to_who_reached_it_and_no_other_file_to_anybody(ruled, client, signer, reader):
    path = signer.friends_path(reader.id)
    assert client.get(f"{path}/guide").status_code == 404
    friends(ruled, reader, 1)
    with client.get(f"{path}/guide") as answer:
        assert (answer.status_code, answer.data) == (200, b"the guide")
        assert "attachment" in answer.headers["Content-Disposition"]
    for other in ("month", "year", "other.txt", "..%2Fother.txt"):
        assert client.get(f"{path}/{other}").status_code == 404
    with writing(ruled.engine) as connection:
        stranger = make_subscriber(connection)
    assert client.get(f"{signer.friends_path(stranger.id)}/guide").status_code == 404


def test_sharing_is_plain_links_and_no_script_of_anybody(ruled, client, signer, reader):
    page = client.get(signer.friends_path(reader.id)).text
    assert "<script" not in page
    assert "<iframe" not in page
    link = f"%2Fr%2F{reader.referral_code}"
    for start in (
        "mailto:?subject=The%20Slow%20Ladder&amp;body=",
        "https://wa.me/?text=",
        "https://t.me/share/url?url=",
    ):
        [found] = [one for one in page.split('href="') if one.startswith(start)]
        assert link in found.split('"')[0]


def test_a_name_stands_on_the_links_page_only_after_the_reader_said_so_and_comes_off_again(
    ruled, client, signer, reader
):
    path, public = signer.friends_path(reader.id), f"/r/{reader.referral_code}"
    assert "Noor" not in client.get(public).text
    assert "now says that Noor recommends" in client.post(path, data={"named": "yes"}).text
    assert "Noor recommends" in client.get(public).text
    client.post(path, data={"named": "no"})
    assert "Noor" not in client.get(public).text
    with reading(ruled.engine) as connection:
        assert not is_named(connection, reader.id)


def test_opening_it_writes_nothing_and_a_link_for_something_else_opens_nothing(ruled, client, signer, reader):
    before = client.get(signer.friends_path(reader.id)).text
    assert client.get(signer.friends_path(reader.id)).text == before
    for other in (signer.manage_path(reader.id), signer.confirm_path(reader.id), signer.unsubscribe_path(reader.id, 0)):
        assert client.get("/f/" + other[3:]).status_code == 404
    with reading(ruled.engine) as connection:
        assert connection.execute(select(referral_rewards)).all() == []


def test_nobody_is_there_any_more(ruled, client, signer):
    for method in (client.get, client.post):
        answer = method(signer.friends_path(4711))
        assert answer.status_code == 404
        assert "Nobody by this link" in answer.text


def test_an_unreadable_publication_shows_the_count_all_the_same(ruled, client, signer, reader, monkeypatch):
    friends(ruled, reader, 1)
    broken = property(lambda _self: (_ for _ in ()).throw(ValueError("broken")))
    monkeypatch.setattr(type(ruled), "publication", broken)
    answer = client.get(signer.friends_path(reader.id))
    assert answer.status_code == 200
    assert "<strong>1</strong>" in answer.text


def test_a_milestone_keeps_what_it_promised_when_the_author_takes_it_out(ruled, client, signer, reader, monkeypatch):
    friends(ruled, reader, 1)
    monkeypatch.setattr(type(ruled), "publication", PUBLICATION)
    verify(ruled.engine, make_rules(), NOW + timedelta(days=1))
    assert "the reward guide" in client.get(signer.friends_path(reader.id)).text
    with client.get(f"{signer.friends_path(reader.id)}/guide") as answer:
        assert answer.data == b"the guide"


def test_the_day_of_a_grant_is_the_publications(ruled, client, signer, reader, monkeypatch):
    slot = replace(type(ruled).publication.slot, zone="America/Denver")
    monkeypatch.setattr(type(ruled), "publication", replace(type(ruled).publication, slot=slot))
    late = datetime(2026, 11, 17, 3, tzinfo=UTC)  # the evening of the 16th in Denver
    with writing(ruled.engine) as connection:
        whose, friend = make_subscribers(connection, 2)
        bring(connection, whose, friend, late)
    rules = make_rules(make_milestone("month", 1))
    verify(ruled.engine, rules, late)
    assert "added on 16 November 2026" in client.get(signer.friends_path(whose.id)).text


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("\u202egnp.exe", "gnp.exe"),
        ("<script>alert(1)</script>", "&lt;script&gt;"),
        ("x" * 200, "x" * 10),
        ("\u202e", ""),
    ],
)
def test_a_hostile_name_turns_no_page_around(ruled, client, signer, name, shown):
    with writing(ruled.engine) as connection:
        whose = make_subscriber(connection, name=name)
        set_named(connection, whose.id, True, NOW)
    for page in (client.get(f"/r/{whose.referral_code}").text, client.get(signer.friends_path(whose.id)).text):
        assert shown in page
        assert not [one for one in ("\u202e", "<script", "x" * 101) if one in page]
