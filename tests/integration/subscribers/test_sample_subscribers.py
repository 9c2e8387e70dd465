"""The sample list: invented, the same for a seed, and every row of it imports."""

import csv
from collections import Counter

import pytest
from sqlalchemy import func, select

from tests.support.makers import NOW
from worker.domain.subscriber import Plan, SubscriberStatus
from worker.store.engine import reading
from worker.store.subscribers import each_subscriber
from worker.store.tables import subscribers, suppressions
from worker.usecases.import_subscribers import import_subscribers
from worker.usecases.sample_subscribers import write_sample


def read(path):
    with path.open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))


def test_the_same_seed_writes_the_same_bytes(tmp_path):
    for name, seed in [("a", 7), ("b", 7), ("c", 8)]:
        write_sample(tmp_path / name, 500, seed)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() != (tmp_path / "c").read_bytes()


@pytest.mark.parametrize("count", [0, 1, 39, 40, 2_000])
def test_a_sample_has_as_many_rows_as_asked_for_on_reserved_domains(tmp_path, count):
    eligible = write_sample(tmp_path / "sample.csv", count, 1)
    rows = read(tmp_path / "sample.csv")
    assert len(rows) == len({row["address"].casefold() for row in rows}) == count
    reserved = ("example.com", "example.org", "example.net", ".test")
    assert all(row["address"].endswith(reserved) for row in rows)
    assert eligible == Counter(row["plan"] for row in rows if row["status"] == "confirmed")


def test_a_long_sample_is_a_realistic_list(tmp_path):
    write_sample(tmp_path / "sample.csv", 5_000, 1)
    rows = read(tmp_path / "sample.csv")
    assert 900 < sum(row["plan"] == "paid" for row in rows) < 1_100
    statuses = Counter(row["status"] for row in rows)
    assert statuses == {"confirmed": 4_475, "unsubscribed": 300, "pending": 150, "bounced": 60, "complained": 15}
    begins = Counter(row["address"].partition(".")[0] for row in rows)
    assert [begins[word] for word in ("bounce", "complain", "defer", "block")] == [10] * 4
    names = [row["name"] for row in rows]
    assert any("<script>" in name for name in names)
    assert any(len(name) > 100 for name in names)
    assert 300 < names.count("") < 900
    assert {"ja", "ar", "pt-PT", ""} <= {row["language"] for row in rows}


def test_every_row_of_a_sample_imports_and_again_changes_nothing(engine, tmp_path):
    path = tmp_path / "sample.csv"
    eligible = write_sample(path, 2_000, 3)
    first = import_subscribers(engine, path, NOW)
    assert (first.added, first.changed, first.kept_back, first.refused) == (2_000, 0, 0, 0)
    rows = read(path)
    with reading(engine) as connection:
        listed = Counter(dict(connection.execute(select(suppressions.c.reason, func.count()).group_by("reason")).all()))
        assert listed == Counter(
            row["status"] for row in rows if row["status"] in ("unsubscribed", "bounced", "complained")
        )
        mailable = connection.execute(
            select(subscribers.c.plan, func.count())
            .where(
                subscribers.c.status == SubscriberStatus.CONFIRMED,
                subscribers.c.address_key.not_in(select(suppressions.c.address_key)),
            )
            .group_by(subscribers.c.plan)
        ).all()
        before = list(each_subscriber(connection))
    assert {Plan(plan): number for plan, number in mailable} == eligible
    assert all(len(one.name) <= 100 and "\t" not in one.name for one in before)
    second = import_subscribers(engine, path, NOW)
    gone = sum(row["status"] in ("bounced", "complained", "unsubscribed") for row in rows)
    assert (second.added, second.changed, second.suppressed, second.unchanged) == (0, 0, 0, 2_000)
    assert first.suppressed == gone
    with reading(engine) as connection:
        assert list(each_subscriber(connection)) == before
