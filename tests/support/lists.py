"""Random lists for tests: files as people have them, and the state of a database as something to compare."""

import csv

from hypothesis import strategies as st
from sqlalchemy import delete, select

from tests.support.makers import NOW
from worker.store.engine import reading, writing
from worker.store.tables import (
    grants,
    known_keys,
    referral_programme,
    referral_rechecks,
    referral_rewards,
    referrals,
    subscriber_tags,
    subscribers,
    suppressions,
    triggers,
)
from worker.usecases.export_subscribers import export_subscribers

_PEOPLE = [f"r{number}@example.com" for number in range(6)]
_SPELLED = st.sampled_from(
    [*_PEOPLE, *(one.upper() for one in _PEOPLE), " r1@example.com ", "nobody", "", "x@", "r2@example..com"]
)
_STATUS = st.sampled_from(
    ["", "confirmed", "pending", "unsubscribed", "Bounced", "complained", "manual", "invalid", "inactive", "gone"]
)
_PLAN = st.sampled_from(["", "", "free", "paid", "gold"])
_NAME = st.sampled_from(["", "Ada", "Zoë", "x" * 120, "=1+1", 'B "o"'])
_TAGS = st.sampled_from(["", "one", "one;two", "three,one", " , "])
_DATE = st.sampled_from(["", "2024-01-05", "2031-01-05", "3/4/2024"])


@st.composite
def plain_lists(draw, most=12):
    """Lines of a plain CSV, some of them broken."""
    row = st.tuples(_SPELLED, _NAME, _PLAN, _STATUS, _TAGS, _DATE, _DATE, st.sampled_from(["", "PT", "Portugal"]))
    rows = draw(st.lists(row, max_size=most))
    quoted = [
        ",".join('"' + cell.replace('"', '""') + '"' if set(cell) & set(',"') else cell for cell in cells)
        for cells in rows
    ]
    broken = draw(
        st.lists(
            st.sampled_from(['r1@example.com,"open', "r2@example.com,a,b,c,d,e,f,g,h,i", "r3@example.com\0"]),
            max_size=2,
        )
    )
    return ["email,name,plan,status,tags,joined,plan_ends,country", *draw(st.permutations(quoted + broken))]


@st.composite
def substack_lists(draw):
    """Lines of one of Substack's two files."""
    who, yes = (
        st.sampled_from([*_PEOPLE, "q@deletion-request.substack.com", "broken"]),
        st.sampled_from(["true", "false", "", "?"]),
    )
    if draw(st.booleans()):
        rows = draw(st.lists(st.tuples(who, yes, _DATE, yes, yes, _DATE), max_size=8))
        header = "email,active_subscription,expiry,email_disabled,prefer_digests,created_at"
    else:
        kind = st.sampled_from(["free", "paid", "comp", "gift", "ios_app", "odd"])
        rows = draw(st.lists(st.tuples(who, _DATE, yes, yes, st.sampled_from(["", "cus_1"]), kind), max_size=8))
        header = "email,expiry,email_disabled,prefer_digests,stripe_connected_customer_id,type"
    return [header, *(",".join(row) for row in rows)]


@st.composite
def own_lists(draw):
    """Lines of an export of ours, as somebody's hand may have left it."""
    code = st.sampled_from(["", "aaaa0001", "aaaa0002", "aaaa0003"])
    status = st.sampled_from(["confirmed", "pending", "unsubscribed", "erased", "suppressed", "", "odd"])
    reason = st.sampled_from(["", "", "bounced", "unsubscribed", "complained"])
    named = st.sampled_from(["", *_PEOPLE, "aaaa0001", "no@body@"])
    row = st.tuples(
        _SPELLED, status, code, reason, _DATE, _NAME, _PLAN, named, st.sampled_from(["", "2024-01-05"]), named
    )
    rows = draw(st.lists(row, max_size=9))
    header = "address,status,referral_code,suppressed,suppressed_at,name,plan,referred_by,referred_at,merged_into"
    quoted = [",".join('"' + cell.replace('"', '""') + '"' for cell in (*cells, "proof")) for cells in rows]
    return [f"{header},suppression_evidence", *quoted]


def wipe(engine):
    """Empty the list, so that a property's next example finds nobody."""
    with writing(engine) as connection:
        for table in (referrals, subscriber_tags, suppressions, subscribers):
            connection.execute(delete(table))


def whole_list(engine):
    """Everything the list holds, but for ids and drawn codes, which no two runs share."""
    with reading(engine) as connection:
        people = {row.id: row for row in connection.execute(select(subscribers))}
        tags = {(people[row.subscriber_id].address_key, row.tag) for row in connection.execute(select(subscriber_tags))}
        kept = sorted(tuple(row) for row in connection.execute(select(suppressions)))
        merged = {(one.address_key, people[one.merged_into].address_key) for one in people.values() if one.merged_into}
        links = {
            (
                people[row.referred_id].address_key,
                people[row.referrer_id].address_key,
                row.recorded_at,
                row.confirmed_at,
            )
            for row in connection.execute(select(referrals))
        }
    left_out = {"id", "referral_code", "merged_into"}
    rows = sorted(
        (
            repr({name: value for name, value in row._mapping.items() if name not in left_out})
            for row in people.values()
        ),
    )
    return rows, tags, kept, links, merged


def exact_list(engine):
    """Every row as it stands: to see that nothing was written."""
    with reading(engine) as connection:
        tables = (subscribers, subscriber_tags, suppressions, referrals)
        return [sorted(repr(tuple(row)) for row in connection.execute(select(table))) for table in tables]


def leave_with_the_list(engine, tmp_path, *without):
    """Export the list, without these columns, and empty the database as if it were another one."""
    file = tmp_path / "list.csv"
    with file.open("w", newline="", encoding="utf-8") as out:
        export_subscribers(engine, out, False, NOW)
    with writing(engine) as connection:
        for table in (referral_rewards, known_keys, triggers, referral_rechecks, grants, referral_programme):
            connection.execute(delete(table))
    wipe(engine)
    with file.open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    kept = [name for name in rows[0] if name not in without]
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, kept, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return file.read_bytes()
