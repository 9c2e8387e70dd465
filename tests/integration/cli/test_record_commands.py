"""`broadsheet subscribers show`, `add` and `remove`: one person's whole record, and nobody else's."""

from datetime import UTC, datetime

import pytest

from tests.support.makers import NOW, make_subscriber, make_suppression
from tests.support.referring import verify
from worker.domain.event import Event, EventType
from worker.store.engine import reading, writing
from worker.store.launches import convert, mute
from worker.store.referrals import add_referral, confirm_referral
from worker.store.subscribers import by_address_key
from worker.store.suppressions import reason_for
from worker.usecases.record_events import record_events


@pytest.fixture
def ana(context):
    """A paying reader with a history: brought by one friend, brought two others, has mail and an event about it."""
    with writing(context.engine) as connection:
        ana = make_subscriber(
            connection,
            "paid",
            address="Ana@example.com",
            name="Ana Prado",
            language="pt-PT",
            country="PT",
            tags=["producer"],
            source="form",
            consent="asked and confirmed on /subscribe",
            referrer="a friend, rui@example.com",
            stripe_id="cus_1",
        )
        make_subscriber(connection, address="left@example.com", status="unsubscribed")
        friends = [make_subscriber(connection, address=f"friend{n}@example.com") for n in range(3)]
        add_referral(connection, friends[0].id, ana.id, NOW)
        confirm_referral(connection, ana.id, NOW)
        for friend in friends[1:]:
            add_referral(connection, ana.id, friend.id, NOW)
        confirm_referral(connection, friends[1].id, NOW)
        convert(connection, "producer-groups", ana.id, "applied", NOW)
        mute(connection, "another", ana.id, NOW)
    verify(context.engine)
    return ana


@pytest.fixture
def mailed(on, ana, context, work):
    """The sample has been sent, and Ana's copy delivered."""
    [name] = {path.stem for path in (context.settings.project / "content" / "issues").glob("*quiet*")}
    assert on("send", name, "--yes").code == 0
    work(1)
    [delivery] = [one for one in on("deliveries", name, "--json").out.splitlines() if "Ana@example.com" in one]
    delivery_id = int(delivery.partition('"delivery_id":')[2].partition(",")[0])
    key = delivery.partition('"submission_key":"')[2].partition('"')[0]
    at = datetime.now(UTC)
    event = Event(EventType.DELIVERED, at, "ana@example.com", "d1", "e1", delivery_id, key, reason="250 OK")
    record_events(context.engine, [event], at)


def test_a_record_holds_everything_that_is_known_of_somebody(on, ana, mailed):
    on("subscribers", "grant", "ana@example.com", "--months", "2")
    shown = on("subscribers", "show", "ana@example.com", "--json")
    assert shown.code == 0
    seen = shown.json
    assert (seen["address"], seen["status"], seen["mailed"]) == ("Ana@example.com", "confirmed", True)
    assert seen["subscriber"]["name"] == "Ana Prado"
    assert (seen["subscriber"]["tags"], seen["subscriber"]["stripe_id"]) == (["producer"], "cus_1")
    assert (seen["consent"]["source"], seen["consent"]["consent"]) == ("form", "asked and confirmed on /subscribe")
    assert (seen["plan"]["plan"], [one["source"] for one in seen["plan"]["grants"]]) == ("paid", ["", "comped"])
    assert (seen["referrals"]["brought"], seen["referrals"]["brought_and_verified"]) == (2, 1)
    assert seen["referrals"]["brought_by_a_reader"]["counts_since"] is not None
    assert [one["launch_id"] for one in seen["launches"]["converted"] + seen["launches"]["muted"]] == [
        "producer-groups",
        "another",
    ]
    [message] = seen["deliveries"]
    assert (message["mailing"], message["state"]) == ("broadcast:20261123-quiet-weeks", "submitted")
    assert message["outcome"] == "delivered"
    assert message["submitted_at"] >= message["called_at"]
    assert [event["type"] for event in message["events"]] == ["delivered"]
    text = on("subscribers", "show", "ana@example.com").out
    for words in ("Ana Prado", "producer", "asked and confirmed", "broadcast:20261123-quiet-weeks", "delivered"):
        assert words in text


def test_nobody_elses_address_is_part_of_it_not_even_the_one_another_platform_wrote(on, ana, mailed):
    for shown in (on("subscribers", "show", "ana@example.com", "--json"), on("subscribers", "show", "ana@example.com")):
        assert "friend" not in shown.out.lower()
        assert "rui@example.com" not in shown.out


@pytest.mark.parametrize(
    ("status", "suppressed", "word"),
    [
        ("confirmed", None, "confirmed"),
        ("pending", None, "pending"),
        ("unsubscribed", None, "unsubscribed"),
        ("confirmed", "bounced", "bounced"),
        ("confirmed", "invalid", "invalid"),
        ("confirmed", "manual", "manual"),
        ("confirmed", "complained", "complained"),
        ("unsubscribed", "bounced", "unsubscribed"),
        ("pending", "bounced", "bounced"),
    ],
)
def test_one_word_says_whether_somebody_is_mailed_and_why_not(on, context, status, suppressed, word):
    with writing(context.engine) as connection:
        make_subscriber(connection, address="ana@example.com", status=status, suppressed=suppressed)
    seen = on("subscribers", "show", "ana@example.com", "--json").json
    assert (seen["status"], seen["mailed"]) == (word, word == "confirmed")


def test_an_address_that_is_only_suppressed_is_shown_with_its_evidence(on, context):
    with writing(context.engine) as connection:
        make_suppression(connection, "gone@example.com", "bounced", evidence="sendgrid:bounces")
    shown = on("subscribers", "show", "gone@example.com", "--json")
    assert (shown.code, shown.json["status"], shown.json["subscriber"]) == (0, "bounced", None)
    assert shown.json["suppression"]["evidence"] == "sendgrid:bounces"


def test_an_address_nobody_has_ends_with_one_and_a_sentence(on, project):
    shown = on("subscribers", "show", "nobody@example.com")
    assert (shown.code, shown.err.strip()) == (
        1,
        "Nobody here has this address: no subscriber, no suppression, no mail.",
    )
    shown = on("subscribers", "show", "nobody@example.com", "--json")
    assert (shown.code, shown.json["status"]) == (1, "unknown")
    assert on("subscribers", "show", "nobody").code == 2


def test_a_mailing_that_left_somebody_out_is_part_of_their_record(on, mailed):
    [row] = on("subscribers", "show", "left@example.com", "--json").json["left_out"]
    assert (row["key"], row["reason"]) == ("broadcast:20261123-quiet-weeks", "unsubscribed")
    assert "left out" in on("subscribers", "show", "left@example.com").out


def test_somebody_with_proven_consent_is_added_once(on, context):
    def add():
        return on(
            "subscribers", "add", "New@example.com", "--consent", "signed the sheet", "--name", "Noor", "--tag", "fair"
        )

    first, second = add(), add()
    assert (first.code, "Added" in first.out, "here already" in second.out) == (0, True, True)
    seen = on("subscribers", "show", "new@example.com", "--json").json
    assert (seen["status"], seen["subscriber"]["name"], seen["subscriber"]["tags"]) == ("confirmed", "Noor", ["fair"])
    assert (seen["consent"]["source"], seen["consent"]["consent"]) == ("operator", "signed the sheet")


def test_who_signed_up_and_did_not_confirm_is_confirmed_by_an_operators_proof(on, context):
    with writing(context.engine) as connection:
        make_subscriber(connection, address="new@example.com", status="pending", source="form")
    assert on("subscribers", "add", "new@example.com", "--consent", "wrote to us", "--json").json == {"added": True}
    seen = on("subscribers", "show", "new@example.com", "--json").json
    assert (seen["status"], seen["consent"]["source"], seen["consent"]["consent"]) == (
        "confirmed",
        "operator",
        "wrote to us",
    )
    assert seen["consent"]["confirmed_at"] is not None


@pytest.mark.parametrize("reason", ["unsubscribed", "complained", "bounced", "invalid", "manual"])
@pytest.mark.parametrize("here", [True, False])
def test_nobody_who_left_or_cannot_be_mailed_is_brought_back_by_an_operator(on, context, reason, here):
    with writing(context.engine) as connection:
        if here:
            make_subscriber(connection, address="gone@example.com")
        make_suppression(connection, "gone@example.com", reason)
    ended = on("subscribers", "add", "gone@example.com", "--consent", "says so")
    assert (ended.code, "can sign up, and confirm, themselves" in ended.err) == (1, True)
    with reading(context.engine) as connection:
        assert reason_for(connection, "gone@example.com") == reason
        assert (by_address_key(connection, "gone@example.com") is not None) == here


@pytest.mark.parametrize(
    "words", [("a@example.com", "--consent", " "), ("no address", "--consent", "x"), ("a@b..c", "--consent", "x")]
)
def test_nobody_is_added_without_consent_or_an_address(on, project, words):
    assert on("subscribers", "add", *words).code == 2


def test_somebody_who_asks_an_operator_to_leave_has_left(on, context):
    with writing(context.engine) as connection:
        make_subscriber(connection, address="ana@example.com")
    first, second = (on("subscribers", "remove", "ana@example.com") for _ in range(2))
    assert (first.code, first.out.strip(), second.code) == (0, "Unsubscribed.", 0)
    seen = on("subscribers", "show", "ana@example.com", "--json").json
    assert (seen["status"], seen["suppression"]["evidence"]) == ("unsubscribed", "operator")
    assert on("subscribers", "remove", "nobody@example.com").code == 1


def test_somebody_who_asks_to_be_forgotten_is_and_the_report_says_what_was_done_and_what_was_not(
    on, ana, mailed, project
):
    (project / "var").mkdir(exist_ok=True)
    (project / "var" / "readers.csv").write_text("address\nANA@example.com\n", encoding="utf-16")
    (project / "other.csv").write_text("address\nrui@example.com\n", encoding="utf-8")
    ended = on("subscribers", "erase", "ana@example.com", "--yes", "--json")
    assert ended.code == 0
    report = ended.json
    assert report["erased"]
    assert report["rows"]["subscribers"] == 1
    assert report["rows"]["deliveries"] == 1
    assert [path.rpartition("/")[2] for path in report["files"]] == ["readers.csv"]
    assert "SendGrid keeps" in report["elsewhere"]
    shown = on("subscribers", "show", "ana@example.com")
    assert (shown.code, "known by a hash alone" in shown.err, "erased:" in shown.err) == (1, True, True)
    seen = on("subscribers", "show", "ana@example.com", "--json")
    assert (seen.code, seen.json["status"], seen.json["erased_as"][:7]) == (1, "erased", "erased:")
    again = on("subscribers", "erase", "ana@example.com", "--yes")
    assert (again.code, "erased before; nothing changed" in again.out) == (0, True)
    added = on("subscribers", "add", "ana@example.com", "--consent", "says so")
    assert (added.code, "was erased" in added.err) == (1, True)
    assert "ana@example.com" not in on("deliveries", "1", "--csv").out.lower()


def test_nothing_is_erased_unasked(on, ana):
    ended = on("subscribers", "erase", "ana@example.com")
    assert (ended.code, "add --yes" in ended.err) == (2, True)
    assert on("subscribers", "show", "ana@example.com", "--json").json["status"] == "confirmed"


def test_an_import_after_an_erasure_is_kept_back_by_the_command_too(on, ana, project):
    on("subscribers", "erase", "ana@example.com", "--yes")
    (project / "back.csv").write_text("address,name\nana@example.com,Ana\n", encoding="utf-8")
    assert on("subscribers", "import", project / "back.csv", "--json").json["counts"]["kept_back"] == 1
    assert on("subscribers", "show", "ana@example.com", "--json").json["status"] == "erased"


def test_a_reader_with_a_new_address_goes_on_under_it(on, ana):
    moved = on("subscribers", "change-address", "ana@example.com", "Ana.New@example.com", "--json")
    assert (moved.code, moved.json) == (0, {"id": ana.id, "address": "Ana.New@example.com"})
    assert on("subscribers", "show", "ana.new@example.com", "--json").json["subscriber"]["name"] == "Ana Prado"
    gone = on("subscribers", "show", "ana@example.com")
    assert (gone.code, "given up" in gone.err) == (1, True)
    taken = on("subscribers", "change-address", "ana.new@example.com", "friend0@example.com")
    assert (taken.code, "subscribers merge" in taken.err) == (1, True)


def test_two_records_of_one_person_become_one(on, ana, mailed):
    asked = on("subscribers", "merge", "friend2@example.com", "ana@example.com")
    assert (asked.code, "add --yes" in asked.err) == (2, True)
    merged = on("subscribers", "merge", "friend2@example.com", "ana@example.com", "--yes", "--json")
    assert (merged.code, merged.json["into"], merged.json["rows"]["subscribers"]) == (0, ana.id, 1)
    seen = on("subscribers", "show", "ana@example.com", "--json").json
    assert (seen["referrals"]["brought"], len(seen["deliveries"])) == (1, 2)  # the message both had, of each
    assert on("subscribers", "show", "friend2@example.com", "--json").json["status"] == "erased"
    again = on("subscribers", "merge", "friend2@example.com", "ana@example.com", "--yes")
    assert (again.code, "merged into another record" in again.err) == (1, True)
