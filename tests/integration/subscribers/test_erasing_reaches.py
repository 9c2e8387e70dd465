"""Erasing reaches whom it is asked for: always, everywhere, and it says so where it does not."""

import os
import shutil
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from tests.support.everything import where_it_stands
from tests.support.importing import load
from tests.support.ledger import planned_mailing
from tests.support.makers import NOW, make_subscriber, make_subscribers, make_suppression
from worker.domain.event import Event, EventType
from worker.domain.signup import Signup
from worker.domain.subscriber import SubscriberStatus
from worker.providers.scheduled import Done
from worker.store.engine import reading, writing
from worker.store.erased import hash_addresses
from worker.store.records import read_record
from worker.store.signups import keep_signup
from worker.store.subscribers import by_address_key, by_id
from worker.store.tables import signups, subscribers
from worker.usecases.change_address import change_address
from worker.usecases.erase_subscriber import erase_subscriber
from worker.usecases.find_leftovers import find_leftovers
from worker.usecases.merge_subscribers import merge_subscribers
from worker.usecases.record_events import record_events

ADDRESS, OTHER = "Ana.Prado@example.com", "ana@example.com"


class Lists:
    def add(self, _addresses):
        return Done()


@pytest.fixture
def engine(engine):
    hash_addresses(engine, "the oldest secret of this installation")
    return engine


def erase(engine, address=ADDRESS):
    return erase_subscriber(engine, address, NOW, Lists())


def test_a_list_from_elsewhere_in_which_somebody_was_erased_stands_in_nobodys_way(engine):
    """Records of erased people come along by their codes, which another installation gave them."""
    with writing(engine) as connection:
        ana, bea = (make_subscriber(connection, address=one) for one in (ADDRESS, "bea@example.com"))
    with writing(engine) as connection:
        make_subscriber(connection, address="cleo@example.com")
    erase(engine)
    with reading(engine) as connection:
        ids = [bea.id, by_address_key(connection, "cleo@example.com").id]
        [code] = connection.execute(select(subscribers.c.referral_code).where(subscribers.c.id == ana.id)).scalars()
    codes = [code.replace(f":{ana.id}", f":{number}") for number in ids]  # as that installation may have made them
    header = "address,status,referral_code,suppressed,suppression_evidence,joined_at,erased_at"
    rows = [f",erased,{one},,,2026-01-05T09:30:00Z,2026-02-05T09:30:00Z" for one in codes]
    assert not load(engine, header, *rows).refused
    assert erase(engine, "bea@example.com").rows["subscribers"] == 1
    assert erase(engine, "cleo@example.com").rows["subscribers"] == 1


@pytest.mark.parametrize("words", ["Ana.Prado@example.com", "by ANA.PRADO@EXAMPLE.COM, at the fair"])
def test_who_was_brought_by_them_says_so_no_more(engine, words):
    with writing(engine) as connection:
        make_subscriber(connection, address=ADDRESS)
        friend = make_subscriber(connection, referrer=words)
        kept = make_subscriber(connection, referrer="xana.prado@example.com")
    erase(engine)
    assert where_it_stands(engine, "'ana.prado", " ana.prado") == []
    with reading(engine) as connection:
        assert by_id(connection, friend.id).referrer == words.replace("Ana.Prado@example.com", "(erased)").replace(
            "ANA.PRADO@EXAMPLE.COM", "(erased)"
        )
        assert by_id(connection, kept.id).referrer == "xana.prado@example.com"


def test_what_waits_to_be_looked_at_is_shown_and_erased_where_nothing_else_is_known(engine):
    with writing(engine) as connection:
        keep_signup(connection, Signup(f" {ADDRESS.upper()}", NOW, "Ana", page="https://example.com/"))
        keep_signup(connection, Signup("bea@example.com", NOW))
        record = read_record(connection, ADDRESS.lower())
        assert [(one.name, one.page, one.asked_at) for one in record.signups] == [("Ana", "https://example.com/", NOW)]
    assert erase(engine).rows["signups"] == 1
    with reading(engine) as connection:
        assert connection.execute(select(signups.c.address)).scalars().all() == ["bea@example.com"]


@pytest.mark.parametrize("left", [False, True])
@pytest.mark.parametrize("how", ["given up", "merged"])
def test_nobody_is_told_that_a_reader_was_erased_who_is_here_under_another_address(engine, how, left):
    with writing(engine) as connection:
        make_subscriber(connection, address=ADDRESS)
        if how == "merged":
            make_subscriber(connection, address=OTHER)
        if left:
            make_suppression(connection, ADDRESS, "unsubscribed")
    if how == "merged":
        merge_subscribers(engine, ADDRESS, OTHER, "UTC", NOW, Lists())
    else:
        change_address(engine, ADDRESS, OTHER, NOW, Lists())
    record_events(engine, [Event(EventType.OPENED, NOW, OTHER, "e1", "sg1", None, None)], NOW)
    found = erase(engine)
    assert (found.moved_on, found.rows) == (True, {})
    with reading(engine) as connection:
        assert by_address_key(connection, OTHER).status is not SubscriberStatus.ERASED
    erase(engine, OTHER)
    assert where_it_stands(engine, ADDRESS, OTHER) == []
    again = erase(engine, OTHER)
    assert (again.moved_on, again.rows) == (False, {})


def test_what_names_an_address_that_was_given_up_can_be_erased_while_its_reader_goes_on(engine):
    with writing(engine) as connection:
        make_subscriber(connection, address=ADDRESS)
    planned_mailing(engine)
    record_events(engine, [Event(EventType.OPENED, NOW, ADDRESS, "e1", "sg1", None, None)], NOW)
    change_address(engine, ADDRESS, OTHER, NOW, Lists())
    found = erase(engine)
    assert (found.moved_on, set(found.rows)) == (True, {"deliveries", "events"})
    assert where_it_stands(engine, "ana.prado") == []
    with reading(engine) as connection:
        assert by_address_key(connection, OTHER).status is SubscriberStatus.CONFIRMED


def test_who_was_erased_is_erased_whoever_had_the_address_before(engine):
    with writing(engine) as connection:
        make_subscriber(connection, address=OTHER)
    change_address(engine, OTHER, ADDRESS, NOW, Lists())
    with writing(engine) as connection:
        make_subscriber(connection, address=OTHER, status="pending", joined_at=NOW + timedelta(days=1))
    assert erase(engine, OTHER).rows["subscribers"] == 1


def test_nothing_of_them_is_left_in_the_files_of_the_database(sqlite_engine, sqlite_url):
    hash_addresses(sqlite_engine, "the oldest secret of this installation")
    with writing(sqlite_engine) as connection:
        make_subscribers(connection, 200)
        make_subscriber(connection, address=ADDRESS, consent="Zuleika said so")
    planned_mailing(sqlite_engine)
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    assert any(b"Zuleika" in one.read_bytes() for one in path.parent.glob(f"{path.name}*"))
    other = sqlite_engine.connect()  # another process is there, so nothing is tidied up by closing
    erase(sqlite_engine)
    for file in path.parent.glob(f"{path.name}*"):
        assert b"ana.prado" not in file.read_bytes().lower(), file.name
        assert b"Zuleika" not in file.read_bytes(), file.name
    other.close()


@pytest.fixture
def unlike_root():
    """Folders with modes that hold, also where the tests run as root."""
    root = os.geteuid() == 0
    "".encode("utf-16-le")  # loaded while Python's own files can be read
    folder = Path(tempfile.mkdtemp(prefix="bs-left-"))
    folder.chmod(0o755)
    if root:
        os.seteuid(65534)
    yield folder
    if root:
        os.seteuid(0)
    for path in sorted(folder.rglob("*")):
        path.chmod(0o755)
    shutil.rmtree(folder)


@pytest.mark.parametrize("mode", [0o000, 0o444, 0o111])
def test_a_folder_that_cannot_be_read_does_not_hide_what_the_others_hold(unlike_root, mode):
    root = os.geteuid() != os.getuid()
    if root:
        os.seteuid(0)
    for name in ("a closed", "b open"):
        (unlike_root / name).mkdir()
        (unlike_root / name / "old list.csv").write_text(f"x,{ADDRESS.upper()}\n")
        (unlike_root / name / "old list.csv").chmod(0o644)
    (unlike_root / "a closed").chmod(mode)
    if root:
        os.seteuid(65534)
    found = find_leftovers([unlike_root, unlike_root / "a closed"], [ADDRESS])
    assert unlike_root / "b open" / "old list.csv" in found
