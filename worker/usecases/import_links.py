"""After a list of our own was imported: what was reached, who brought whom, which records were merged. Two more passes.

Only then is everybody here whom a row can name. It links by address, so a code that was drawn anew misleads nobody.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path

from worker.domain.address import address_key
from worker.domain.milestone import Milestone, RewardState
from worker.domain.referral import ReferralState
from worker.store.engine import Connection, Engine, write
from worker.store.grants import hold_each
from worker.store.milestones import reach
from worker.store.referrals import count_verified_each
from worker.store.restore import Referred, add_known_keys, add_milestones, add_referred, ids_of, merge_into, note_given
from worker.usecases.import_rows import Links, RowKind, SubscriberRow
from worker.usecases.read_list import open_list

CHUNK = 500  # rows in one transaction: each names up to three people


def import_links(
    engine: Engine,
    path: Path,
    now: datetime,
    mapping: Mapping[str, str] | None = None,
    milestones: Sequence[Milestone] = (),
) -> None:
    """Write the links of every row that has some. What is known here stays; repeating it changes nothing.

    Nobody earns anything by it, whenever a tick looks: what the file says was reached is written before any friend is, and
    what friends of the file reach by `milestones`, the publication's, is noted as given elsewhere, together with them. What
    they reach only together with friends from here was given nowhere, and waits for the author's word.
    """
    brought: Counter[str] = Counter()
    for chunk in _chunks(path, mapping):
        write(engine, partial(_remember, rows=chunk, now=now))
        brought.update(_key(row.links.referred_by) for row in chunk if row.links and _counts(row.links))
    for chunk in _chunks(path, mapping):
        write(engine, partial(_link, rows=chunk, brought=brought, milestones=milestones, now=now))


def _chunks(path: Path, mapping: Mapping[str, str] | None) -> Iterator[list[SubscriberRow]]:
    with open_list(path, mapping) as opened:
        rows = (row for row in opened.rows() if isinstance(row, SubscriberRow) and row.links)
        while chunk := list(islice(rows, CHUNK)):
            yield chunk


def _remember(connection: Connection, rows: Sequence[SubscriberRow], now: datetime) -> None:
    """What each of them reached elsewhere, and was known under."""
    told = [(row, links) for row in rows if (links := row.links) and (links.milestones or links.known_keys)]
    ids = ids_of(connection, {_own(row) for row, _ in told})
    for row, links in told:
        if (own := ids.get(_own(row))) is not None:
            add_milestones(connection, own, links.milestones, links.referred_at or now)
            add_known_keys(connection, own, links.known_keys)


def _link(
    connection: Connection,
    rows: Sequence[SubscriberRow],
    brought: Mapping[str, int],
    milestones: Sequence[Milestone],
    now: datetime,
) -> None:
    """Who brought whom, and whom each was merged into. `brought`: friends that count in all of the file, by referrer."""
    named = {name for row in rows for name in _names(row)}
    ids = ids_of(connection, named)
    referred, alone = [], dict[int, int]()
    for row in rows:
        own, links = ids.get(_own(row)), row.links
        if own is None or links is None:
            continue
        referrer, target = ids.get(_usable(links.referred_by)), ids.get(_usable(links.merged_into))
        if referrer is not None and referrer != own and links.referred_at is not None:
            moments = (links.referred_at, links.referral_confirmed_at)
            referred.append(Referred(own, referrer, *moments, links.referral_state, links.referral_reason))
            alone[referrer] = brought.get(_key(links.referred_by), 0)
        if target is not None:
            merge_into(connection, own, target)
    held = hold_each(connection, {one.referrer_id for one in referred}) if milestones else frozenset[int]()
    before = count_verified_each(connection, held)
    add_referred(connection, referred)
    for referrer_id, friends in sorted(count_verified_each(connection, held).items()):
        passed = [one for one in milestones if before.get(referrer_id, 0) < one.friends <= friends]
        note_given(connection, referrer_id, [one.id for one in passed if one.friends <= alone[referrer_id]], now)
        for one in passed:  # whatever was noted just now is left as it is
            reach(connection, referrer_id, one, RewardState.WAITING, now)


def _counts(links: Links) -> bool:
    """Whether the friend of this row counts where the list comes from; as in store/restore.py where it does not say so."""
    return links.referral_state == ReferralState.VERIFIED or (
        not links.referral_state and links.referral_confirmed_at is not None
    )


def _key(name: str) -> str:
    """One spelling for all that name the same person."""
    return address_key(name) if "@" in _usable(name) else name


def _names(row: SubscriberRow) -> Iterator[str]:
    yield _own(row)
    if row.links:
        yield from filter(None, (_usable(row.links.referred_by), _usable(row.links.merged_into)))


def _own(row: SubscriberRow) -> str:
    return row.referral_code if row.kind is RowKind.ERASED else row.address


def _usable(name: str) -> str:
    """The name, or nothing where it looks like an address and is none."""
    if "@" not in name:
        return name
    try:
        address_key(name)
    except ValueError:
        return ""
    return name
