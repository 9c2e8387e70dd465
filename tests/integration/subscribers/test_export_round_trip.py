"""A list that leaves and comes back is the same list: every status, reason, date and link of it."""

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select, update

from tests.support.importing import load
from tests.support.lists import exact_list, whole_list, wipe
from tests.support.makers import JOINED, NOW, make_subscriber, make_suppression
from worker.domain.address import address_key
from worker.domain.erasure import is_hash
from worker.domain.segment import HasPlan, HasTag
from worker.domain.subscriber import Plan, SubscriberStatus, Wants
from worker.domain.suppression import Suppression, SuppressionReason
from worker.errors import SourceError
from worker.store.engine import reading, writing
from worker.store.erased import address_hash, hash_addresses
from worker.store.referrals import add_referral, confirm_referral
from worker.store.subscribers import NewSubscriber, add_subscriber, by_address_key, by_id, set_status
from worker.store.suppressions import suppress
from worker.store.tables import subscribers, suppressions
from worker.usecases.export_columns import COLUMNS, guard, unguard
from worker.usecases.export_subscribers import export_subscribers, whole_file

DAY = timedelta(days=1)
MOMENTS = st.integers(946_684_800_000, 1_793_500_000_000).map(
    lambda millis: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=millis)
)
# What PostgreSQL can hold: no NUL, no half of a pair.
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=15)
HOSTILE = st.sampled_from(
    [
        "=HYPERLINK(A1)",
        "'=1",
        "''@x",
        "+1",
        "-1",
        "@x",
        "\tx",
        "a,b;c",
        '["x"]',
        '"',
        "'",
        " x ",
        "\n",
        "=\r\n",
        "\ufeffx",
        "\u200b",
    ]
)
WORDS = st.one_of(TEXT, HOSTILE)
ADDRESS = st.builds(
    lambda local, domain: f"{local}@{domain}",
    st.sampled_from(["ann", "Bo.Ng+news", "zoë", "-x", "o'hara", "李", "A_b"])
    | st.from_regex(r"[a-z][a-z0-9]{0,5}", fullmatch=True),
    st.sampled_from(["example.com", "EXAMPLE.org", "bücher.test", "mail.example.net"]),
)


@st.composite
def people(draw):
    """One subscriber with everything that may be known of somebody."""
    status = draw(st.sampled_from([SubscriberStatus.CONFIRMED, SubscriberStatus.PENDING]))
    paid = draw(st.booleans())
    return NewSubscriber(
        address=draw(ADDRESS),
        joined_at=draw(MOMENTS),
        name=draw(WORDS),
        plan=Plan.PAID if paid else Plan.FREE,
        status=status,
        language=draw(st.sampled_from(["", "en", "pt-BR"])),
        zone=draw(st.sampled_from(["", "Europe/Lisbon"])),
        country=draw(st.sampled_from(["", "PT"])),
        source=draw(WORDS),
        tags=draw(st.frozensets(WORDS, max_size=3)),
        plan_source=draw(st.sampled_from(["", "stripe", "gifted"])),
        plan_ends_at=draw(st.none() | MOMENTS | MOMENTS.map(lambda at: at.replace(year=2031, day=1))),
        stripe_id=draw(st.sampled_from(["", "cus_1"])),
        consent=draw(WORDS),
        referrer=draw(WORDS),
        wants=draw(st.sampled_from(Wants)),
        paused_until=draw(st.none() | MOMENTS),
    )


REASONS = st.sampled_from(
    [one for one in SuppressionReason if one is not SuppressionReason.ERASED]
)  # that one has no address
EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("suppress"), st.integers(0, 9), REASONS, MOMENTS, WORDS),
        st.tuples(st.just("leave"), st.integers(0, 9), MOMENTS),
        st.tuples(st.just("confirm"), st.integers(0, 9), MOMENTS),
        st.tuples(st.just("refer"), st.integers(0, 9), st.integers(0, 9), MOMENTS, st.booleans()),
        st.tuples(st.just("erase"), st.integers(0, 9), MOMENTS),
        st.tuples(st.just("merge"), st.integers(0, 9), st.integers(0, 9)),
        st.tuples(st.just("nobody"), ADDRESS, REASONS, MOMENTS, WORDS),
        st.tuples(st.just("forgotten"), ADDRESS, st.sampled_from(SuppressionReason), MOMENTS, WORDS),
    ),
    max_size=8,
)


def make_list(engine, news, events):
    """Add the people, and let happen to them what happens to a list."""
    with writing(engine) as connection:
        made = [add_subscriber(connection, new)[0] for new in news]
        for event in events:
            if event[0] == "nobody":
                _, address, reason, at, evidence = event
                suppress(connection, [Suppression(address_key(address), reason, at, evidence)])
                continue
            if event[0] == "forgotten":
                _, address, reason, at, evidence = event
                hashed = address_hash(connection).of(address_key(address))
                suppress(connection, [Suppression(hashed, reason, at, evidence)])
                continue
            if not made:
                continue
            one = made[event[1] % len(made)]
            match event:
                case ("suppress", _, reason, at, evidence):
                    suppress(connection, [Suppression(one.address_key, reason, at, evidence)])
                case ("leave", _, at):
                    set_status(connection, one.id, SubscriberStatus.UNSUBSCRIBED, at)
                case ("confirm", _, at):
                    now = by_id(connection, one.id)
                    if now.status is SubscriberStatus.PENDING:
                        set_status(connection, one.id, SubscriberStatus.CONFIRMED, at)
                case ("refer", _, other, at, counts):
                    referrer = made[other % len(made)]
                    if referrer.id != one.id:
                        add_referral(connection, referrer.id, one.id, at)
                        if counts:
                            confirm_referral(connection, one.id, at + DAY)
                case ("erase", _, at):
                    connection.execute(
                        update(subscribers)
                        .where(subscribers.c.id == one.id)
                        .values(address="", address_key=None, referral_key=None, name="", status="erased", erased_at=at)
                    )
                case ("merge", _, other):
                    target = made[other % len(made)]
                    if target.id != one.id:
                        connection.execute(
                            update(subscribers).where(subscribers.c.id == one.id).values(merged_into=target.id)
                        )
        _leave_what_can_be(connection)


def _leave_what_can_be(connection):
    """Erasing takes an address that is nobody's for its hash, and confirming forgets the hash: no list holds both."""
    keys = set(connection.execute(select(suppressions.c.address_key)).scalars())
    if not any(map(is_hash, keys)):
        return
    hashed = address_hash(connection)
    here = dict(tuple(row) for row in connection.execute(select(subscribers.c.address_key, subscribers.c.status)))
    beside = {key for key in keys - here.keys() if not is_hash(key) and hashed.of(key) in keys}
    forgotten = {hashed.of(key) for key, status in here.items() if key and status == SubscriberStatus.CONFIRMED}
    connection.execute(delete(suppressions).where(suppressions.c.address_key.in_(beside | forgotten)))


def export(engine, as_lines=False, **given):
    out = io.StringIO(newline="")
    export_subscribers(engine, out, as_lines, NOW, **given)
    return out.getvalue()


@settings(
    max_examples=80,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    news=st.lists(people(), max_size=6, unique_by=lambda new: address_key(new.address)),
    events=EVENTS,
    as_lines=st.booleans(),
)
def test_export_import_export_are_the_same_bytes(engine, news, events, as_lines):
    hash_addresses(engine, "the oldest secret of this installation")
    wipe(engine)
    make_list(engine, news, events)
    first = export(engine, as_lines)
    assume(first)  # nobody at all, as JSON Lines: an empty file, which an import refuses to call a list
    wipe(engine)
    loaded = load(engine, first.encode(), name="list.jsonl" if as_lines else "list.csv")
    assert loaded.counts.keys() <= {"added", "suppressed"}
    assert export(engine, as_lines) == first
    before = exact_list(engine)
    again = load(engine, first.encode(), name="list.jsonl" if as_lines else "list.csv")
    assert exact_list(engine) == before
    assert again.counts.keys() <= {"unchanged", "kept_back"}


@given(cell=WORDS)
def test_a_guarded_cell_starts_no_formula_and_comes_back_as_it_was(cell):
    assert not guard(cell).startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert unguard(guard(cell)) == cell


def make_everything(engine):
    with writing(engine) as connection:
        ada = make_subscriber(connection, "paid", address="ada@example.com", tags={"=x", "a,b"}, name="-Ada")
        bo = make_subscriber(connection, address="bo@example.com", consent="ticked the box", referrer="a page")
        make_suppression(connection, "bo@example.com", "complained", NOW, "event:7")
        add_referral(connection, ada.id, bo.id, JOINED)
        gone = make_subscriber(connection, address="gone@example.com", name="Secret Person", tags={"secret tag"})
        make_suppression(connection, "gone@example.com", "unsubscribed", NOW, "link")
        connection.execute(
            update(subscribers)
            .where(subscribers.c.id == gone.id)
            .values(address="", address_key=None, status="erased", erased_at=NOW, consent="Secret proof")
        )
        make_suppression(connection, "nobody@example.com", "bounced", NOW, "sendgrid")


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_an_export_holds_suppressions_links_and_addresses_that_are_nobody_s(engine):
    make_everything(engine)
    ada, bo, erased, gone, nobody = rows_of(export(engine))
    assert list(ada) == list(COLUMNS)
    assert (ada["name"], ada["tags"], ada["status"], ada["plan"]) == ("'-Ada", '["=x","a,b"]', "confirmed", "paid")
    assert (bo["status"], bo["suppressed"], bo["suppression_evidence"]) == ("unsubscribed", "complained", "event:7")
    assert (bo["suppressed_at"], bo["referred_by"], bo["consent"]) == (
        "2026-11-16T08:00:00Z",
        "ada@example.com",
        "ticked the box",
    )
    assert (erased["status"], erased["erased_at"]) == ("erased", "2026-11-16T08:00:00Z")
    assert (gone["address"], gone["status"], gone["suppressed"]) == ("gone@example.com", "suppressed", "unsubscribed")
    assert (nobody["address"], nobody["suppressed"]) == ("nobody@example.com", "bounced")


def test_an_erased_record_takes_no_personal_data_along(engine):
    make_everything(engine)
    for as_lines in (False, True):
        assert "ecret" not in export(engine, as_lines)


def test_an_export_never_brings_back_who_left_since(engine):
    with writing(engine) as connection:
        ada, bo = (make_subscriber(connection, address=f"{name}@example.com") for name in ("ada", "bo"))
    left = export(engine)
    with writing(engine) as connection:
        set_status(connection, ada.id, SubscriberStatus.UNSUBSCRIBED, NOW)
        make_suppression(connection, bo.address, "bounced")
    assert load(engine, left.encode()).counts == {"kept_back": 2}
    with reading(engine) as connection:
        assert by_id(connection, ada.id).status == "unsubscribed"


def test_an_opt_out_in_an_export_is_obeyed_here(engine):
    with writing(engine) as connection:
        ada = make_subscriber(connection, address="ada@example.com")
        set_status(connection, ada.id, SubscriberStatus.UNSUBSCRIBED, NOW)
    text = export(engine)
    wipe(engine)
    with writing(engine) as connection:
        make_subscriber(connection, address="ada@example.com")
    assert load(engine, text.encode()).counts == {"changed": 1, "suppressed": 1}
    with reading(engine) as connection:
        assert by_address_key(connection, "ada@example.com").status == "unsubscribed"


def test_a_code_that_somebody_has_here_is_drawn_anew_and_misleads_no_referral(engine):
    with writing(engine) as connection:
        ada = make_subscriber(connection, address="ada@example.com")
        bo = make_subscriber(connection, address="bo@example.com")
        add_referral(connection, ada.id, bo.id, JOINED)
    text = export(engine)
    wipe(engine)
    with writing(engine) as connection:
        taken = NewSubscriber("other@example.com", JOINED, referral_code=ada.referral_code)
        other, _added = add_subscriber(connection, taken)
    assert other.referral_code == ada.referral_code
    assert load(engine, text.encode()).counts == {"added": 2}
    _people, _tags, _kept, links, _merged = whole_list(engine)
    assert [(referred, referrer) for referred, referrer, _at, _confirmed in links] == [
        ("bo@example.com", "ada@example.com")
    ]


def test_an_export_of_a_segment_holds_those_it_picks_alone(engine):
    make_everything(engine)
    assert [row["address"] for row in rows_of(export(engine, rule=HasPlan(Plan.PAID)))] == ["ada@example.com"]
    assert rows_of(export(engine, rule=HasTag("nobody has it"))) == []


def test_an_empty_list_is_a_header_and_comes_back_as_nobody(engine):
    text = export(engine)
    assert text == ",".join(COLUMNS) + "\r\n"
    assert export(engine, as_lines=True) == ""
    assert load(engine, text.encode()).counts == {}


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("old", encoding="utf-8")
    with pytest.raises(TypeError), whole_file(path) as out:
        out.writelines(["half", None])
    assert (path.read_text(encoding="utf-8"), [one.name for one in tmp_path.iterdir()]) == ("old", ["list.csv"])
    with whole_file(path) as out:
        out.write("new")
    assert path.read_text(encoding="utf-8") == "new"
    assert path.stat().st_mode & 0o077 == 0


def test_hashes_made_under_another_secret_stop_the_import_where_they_stand(engine):
    """Nobody would be recognised by them: who was erased there could be mailed from here, and no one would know."""
    hash_addresses(engine, "the oldest secret of this installation")
    with writing(engine) as connection:
        make_subscriber(connection, address="ada@example.com")
        hashed = address_hash(connection).of("gone@example.com")
        suppress(connection, [Suppression(hashed, SuppressionReason.UNSUBSCRIBED, NOW, "link")])
    exported = export(engine)
    wipe(engine)
    hash_addresses(engine, "the secret of another installation")
    with pytest.raises(SourceError) as wrong:
        load(engine, exported.encode())
    assert (wrong.value.line, "another SECRET_KEY" in wrong.value.problem) == (3, True)
    hash_addresses(engine, "the oldest secret of this installation")
    assert load(engine, exported.encode()).counts["suppressed"] == 1
    assert export(engine) == exported
