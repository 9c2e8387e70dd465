"""Lists of other platforms in a database: who may be mailed afterwards, with which plan, and what is known of them."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from tests.support.importing import load
from tests.support.lists import whole_list
from tests.support.makers import NOW, make_subscriber, make_suppression
from worker.domain.subscriber import Plan, SubscriberStatus
from worker.domain.suppression import SuppressionReason
from worker.store.engine import reading, writing
from worker.store.subscribers import NewSubscriber, add_subscriber, by_address_key, count_confirmed
from worker.store.suppressions import reason_for
from worker.usecases.unsubscribe import unsubscribe

SUBSTACK_LIST = "email,active_subscription,expiry,email_disabled,prefer_digests,created_at"
SUBSTACK_PAID = "email,expiry,email_disabled,prefer_digests,stripe_connected_customer_id,type"
LISTMONK = "uuid,email,name,attributes,status,created_at,updated_at"


def find(engine, address):
    with reading(engine) as connection:
        return by_address_key(connection, address)


def reason(engine, address):
    with reading(engine) as connection:
        return reason_for(connection, address)


def test_a_plan_comes_along_with_its_source_end_and_stripe_id(engine):
    load(
        engine,
        SUBSTACK_PAID,
        "stripe@example.com,2027-01-15T10:00:00.000Z,false,false,cus_1,paid",
        "comp@example.com,2027-06-01,false,false,,comp",
        "ended@example.com,2026-11-01,false,false,,gift",
        "group@example.com,2027-01-15,false,false,,paid",
    )
    stripe, comp = find(engine, "stripe@example.com"), find(engine, "comp@example.com")
    assert (stripe.plan, stripe.plan_source, stripe.stripe_id) == (Plan.PAID, "stripe", "cus_1")
    assert stripe.plan_ends_at == datetime(2027, 1, 15, 10, tzinfo=UTC)
    assert (comp.plan, comp.plan_source) == (Plan.PAID, "comped")
    assert find(engine, "ended@example.com").plan is Plan.FREE
    group = find(engine, "group@example.com")
    assert (group.plan, group.tags) == (Plan.FREE, {"substack-group"})


@pytest.mark.parametrize("order", [(0, 1), (1, 0), (0, 1, 0), (1, 0, 1, 0)])
def test_substack_s_two_files_end_the_same_in_any_order(engine, order):
    files = [
        [
            SUBSTACK_LIST,
            "stripe@example.com,true,2027-01-15,false,false,2024-01-05",
            "group@example.com,true,2027-01-15,false,false,2024-01-05",
            "comp@example.com,true,2027-01-15,false,false,2024-01-05",
            "ios@example.com,true,2027-01-15,false,false,2024-01-05",
            "left@example.com,false,,true,false,2024-01-05",
        ],
        [
            SUBSTACK_PAID,
            "stripe@example.com,2027-01-15,false,false,cus_1,paid",
            "group@example.com,2027-01-15,false,false,,paid",
            "comp@example.com,2027-01-15,false,false,,comp",
            "ios@example.com,2027-01-15,false,false,,ios_app",
            "left@example.com,,true,false,,free",
        ],
    ]
    for number in order:
        load(engine, *files[number], name=f"file{number}.csv")
    plans = {name: find(engine, f"{name}@example.com").plan for name in ("stripe", "group", "comp", "ios", "left")}
    assert plans == {"stripe": "paid", "group": "free", "comp": "paid", "ios": "paid", "left": "free"}
    assert reason(engine, "left@example.com") == "unsubscribed"


def test_mailchimp_s_cleaned_file_suppresses_whoever_bounced(engine):
    header = "Email Address,First Name,Last Name,MEMBER_RATING,OPTIN_TIME,CLEAN_TIME,CLEAN_CAMPAIGN_TITLE,CLEAN_CAMPAIGN_ID,LEID,EUID,TAGS"
    with writing(engine) as connection:
        make_subscriber(connection, address="here@example.com")
    row = ',Ada,Moreno,2,2021-03-04 05:06:07,2022-01-01 00:00:00,Hello,7,1,a,"""Club"""'
    loaded = load(engine, header, f"here@example.com{row}", f"new@example.com{row}")
    assert loaded.counts == {"changed": 1, "added": 1, "suppressed": 2}
    assert (reason(engine, "here@example.com"), reason(engine, "new@example.com")) == ("bounced", "bounced")
    with writing(engine) as connection:
        assert count_confirmed(connection) == 2  # consent stands; the suppression alone keeps mail away


def test_listmonk_s_enabled_stay_pending_unless_the_author_says_how_they_know(engine):
    rows = [
        f"u,{name}@example.com,Ada,{{}},{word},2024-01-05,2024-01-05"
        for name, word in (("a", "enabled"), ("b", "blocklisted"))
    ]
    loaded = load(engine, LISTMONK, *rows)
    assert loaded.counts == {"added": 2, "suppressed": 1, "unsaid": 1}
    assert "does not say" in loaded.why("a@example.com")
    assert find(engine, "a@example.com").status == "pending"
    again = load(engine, LISTMONK, *rows, consent="exported from list Weekly, confirmed only")
    assert again.counts == {"changed": 1, "unchanged": 1}
    found = find(engine, "a@example.com")
    assert (found.status, found.consent) == ("confirmed", "exported from list Weekly, confirmed only")
    assert reason(engine, "b@example.com") == "manual"


def test_pending_people_are_kept_pending_and_never_mailed(engine):
    load(engine, "id,email,subscriber_type,creation_date", "1,a@example.com,unactivated,2024-01-05")
    assert find(engine, "a@example.com").status is SubscriberStatus.PENDING


def test_what_a_platform_knows_of_somebody_here_fills_what_is_blank_and_overwrites_no_proof(engine):
    with writing(engine) as connection:
        make_subscriber(connection, address="a@example.com", consent="ticked the box", name="Ada")
        make_subscriber(connection, address="b@example.com", name="Bo")
    header = "id,email,subscriber_type,referrer_url,creation_date,ip_address,tags"
    load(
        engine,
        header,
        "1,a@example.com,regular,https://example.org,2024-01-05,192.0.2.1,x",
        "2,b@example.com,regular,https://example.org,2024-01-05,192.0.2.1,",
    )
    ada, bo = find(engine, "a@example.com"), find(engine, "b@example.com")
    assert (ada.consent, ada.referrer, ada.name, ada.tags) == ("ticked the box", "https://example.org", "Ada", {"x"})
    assert bo.consent.startswith("Buttondown: signed up 2024-01-05")


def test_a_plan_that_ended_is_free_also_for_somebody_here(engine):
    with writing(engine) as connection:
        make_subscriber(connection, "paid", address="a@example.com", plan_source="stripe")
    loaded = load(engine, SUBSTACK_PAID, "a@example.com,2026-11-15,false,false,,gift")
    assert find(engine, "a@example.com").plan is Plan.FREE
    assert loaded.why("a@example.com") == "plan, plan_source, plan_ends_at"


def test_a_row_from_the_future_is_not_younger_than_now(engine):
    load(engine, "email,status,joined,unsubscribed at", "a@example.com,,2031-01-01,2031-01-01")
    found = find(engine, "a@example.com")
    assert (found.joined_at, found.unsubscribed_at) == (NOW, NOW)


@pytest.mark.parametrize("kept", list(SuppressionReason))
@pytest.mark.parametrize(
    "lines",
    [
        (SUBSTACK_LIST, "a@example.com,true,2027-01-01,false,false,2024-01-05"),
        ("id,email,name,subscribed_to_emails,created_at", "1,A@EXAMPLE.COM,Ada,true,2024-01-05"),
        ("email,status,tier,created_at", " a@example.com ,active,premium,2024-01-05"),
        ("Email Address,MEMBER_RATING,LAST_CHANGED,LEID,EUID", "a@example.com,2,2024-01-05,1,a"),
        ("id,email,subscriber_type", "1,a@example.com,premium"),
        ("email,first_name,state,created_at", "a@example.com,Ada,active,2024-01-05"),
        ("email", "a@example.com"),
    ],
)
def test_no_platform_s_yes_brings_anybody_back(engine, kept, lines):
    with writing(engine) as connection:
        make_subscriber(connection, address="a@example.com", suppressed=kept)
        make_suppression(connection, "erased@example.com", kept)
    before = whole_list(engine)
    second = lines[1].replace("a@example.com", "erased@example.com").replace("A@EXAMPLE.COM", "erased@example.com")
    assert load(engine, *lines, *([second] if len(lines) > 1 else [])).counts == {"kept_back": 2}
    assert whole_list(engine) == before


def test_two_imports_of_one_list_in_two_orders_and_a_third_of_opt_outs_lose_nobody(engine):
    header, numbers = "email,status,tags", range(1_200)
    rows = [f"r{number}@example.com,confirmed,a;b" for number in numbers]
    left = [f"r{number}@example.com,unsubscribed," for number in numbers if number % 7 == 0]
    with ThreadPoolExecutor(3) as pool:
        jobs = [pool.submit(load, engine, header, *lines) for lines in (rows, rows[::-1], left[::-1])]
        reports = [job.result().report for job in jobs]
    assert [report.refused for report in reports] == [0, 0, 0]
    assert sum(report.added for report in reports) == 1_200
    with reading(engine) as connection:
        gone = [by_address_key(connection, f"r{number}@example.com").status for number in numbers if number % 7 == 0]
        assert set(gone) == {"unsubscribed"}
        assert count_confirmed(connection) == 1_200 - len(left)


def test_an_import_beside_sign_ups_and_unsubscribes_brings_nobody_back(engine):
    with writing(engine) as connection:
        people = [
            make_subscriber(connection, address=f"r{number}@example.com", status="pending") for number in range(300)
        ]

    def leave():
        return [unsubscribe(engine, one.id, NOW) for one in people]

    def sign_up():
        for number in range(300, 600):
            with writing(engine) as connection:
                add_subscriber(
                    connection, NewSubscriber(f"r{number}@example.com", NOW, status=SubscriberStatus.PENDING)
                )

    rows = [f"r{number}@example.com,confirmed" for number in range(600)]
    with ThreadPoolExecutor(3) as pool:
        jobs = [pool.submit(leave), pool.submit(sign_up), pool.submit(load, engine, "email,status", *rows)]
        _left, _signed, loaded = [job.result() for job in jobs]
    assert loaded.report.rows == 600
    with reading(engine) as connection:
        statuses = [by_address_key(connection, f"r{number}@example.com").status for number in range(600)]
        assert set(statuses[:300]) == {"unsubscribed"}
        reasons = {reason_for(connection, one.address_key) for one in people}
    assert reasons == {"unsubscribed"}
    assert load(engine, "email,status", *rows).counts["kept_back"] == 300
