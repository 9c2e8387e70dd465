"""What became of a crash point, counted from the ledger and from the mailroom's own keeping; asserts nothing.

A point is `healed` when everybody is proven served, or not served and listed with the reason; `uncertain` when some are
listed as uncertain, or were so until an event about their mail came.
"""

from collections import Counter
from dataclasses import dataclass, field

from sqlalchemy import exists, func, or_, select

from worker.domain.delivery import BatchStatus
from worker.domain.mailing import KINDS, MailingKind, Uncertain
from worker.domain.subscriber import SubscriberStatus
from worker.store.engine import reading
from worker.store.ledger.candidates import stream_candidates
from worker.store.ledger.mailings import list_mailings
from worker.store.tables import batches, deliveries, exclusions, mailings, submissions, subscribers

UNSERVED = {"skipped", "refused", "uncertain", "cancelled", "excluded", "set_aside"}


@dataclass(frozen=True)
class Verdict:
    """Deliveries: accepted more than once; neither accepted nor listed as unserved; not proven by an answer."""

    duplicated: int = 0
    lost: int = 0
    uncertain: int = 0


@dataclass
class Outcome:
    """One scenario of a group on one database."""

    group: str
    scenario: str
    database: str
    points: int = 0
    healed: int = 0
    uncertain: int = 0
    duplicated: int = 0
    lost: int = 0
    seconds: float = 0.0
    failures: list[str] = field(default_factory=list)

    def count(self, verdict):
        """One more point."""
        self.points += 1
        self.healed += not (verdict.uncertain or verdict.duplicated or verdict.lost)
        self.uncertain += bool(verdict.uncertain)
        self.duplicated += verdict.duplicated
        self.lost += verdict.lost


def examine(engine, messages):
    """The verdict on a whole database, once everything that can be done has been done."""
    return judge(engine, Counter(int(one["custom_args"]["bs_delivery"]) for one in messages))


def judge(engine, accepted):
    """The same from counts by delivery id."""
    with reading(engine) as connection:
        return Verdict(_duplicated(connection, accepted), _lost(connection, accepted), _unproven(connection))


def _duplicated(connection, accepted):
    often = [one for one, times in accepted.items() if times > 1]
    query = select(deliveries.c.id, mailings.c.kind).join(mailings, mailings.c.id == deliveries.c.mailing_id)
    kinds = dict(tuple(row) for row in connection.execute(query.where(deliveries.c.id.in_(often))))
    # Kinds that are sent again when in doubt may come twice, and say so.
    return sum(
        accepted[one] - 1
        for one in often
        if one not in kinds or KINDS[MailingKind(kinds[one])].uncertain is Uncertain.HOLD
    )


def _lost(connection, accepted):
    lost = 0
    for mailing in list_mailings(connection):
        listed = nameless = 0
        for one in stream_candidates(connection, mailing.id):
            listed += 1
            nameless += not one.address
            lost += not (one.delivery_id in accepted or one.state in UNSERVED)
        lost += abs((mailing.candidates or 0) - listed)
        lost += max(0, nameless - _erased(connection, mailing.id))
    return lost


def _erased(connection, mailing_id):
    """How many candidates of a mailing have no address left because they were erased, or merged into another record."""
    found = 0
    for owed in (deliveries, exclusions):
        query = select(func.count()).select_from(owed).join(subscribers, subscribers.c.id == owed.c.subscriber_id)
        gone = query.where(owed.c.mailing_id == mailing_id, subscribers.c.status == SubscriberStatus.ERASED)
        found += connection.execute(gone).scalar_one()
    return found


def _unproven(connection):
    """Deliveries of uncertain batches, and of those that only an event has settled."""
    answered = exists().where(
        submissions.c.batch_id == batches.c.id, submissions.c.answer.in_(("accepted", "validated"))
    )
    unproven = or_(batches.c.status == BatchStatus.UNCERTAIN, (batches.c.status == BatchStatus.SUBMITTED) & ~answered)
    query = (
        select(func.count())
        .select_from(deliveries)
        .join(batches, batches.c.id == deliveries.c.batch_id)
        .where(unproven, deliveries.c.skipped_reason.is_(None), deliveries.c.refused_reason.is_(None))
    )
    return connection.execute(query).scalar_one()


def table(outcomes):
    """The lines of the table: one for each group and database, one for all, and the sum that matters."""
    heads = ("points", "healed", "uncertain", "duplicated", "lost", "failures", "minutes")
    lines = ["{:<52}{:<12}{:>8}{:>8}{:>11}{:>12}{:>6}{:>10}{:>9}".format("group", "database", *heads)]
    rows = {}
    for one in outcomes:
        rows.setdefault((one.group, one.database), []).append(one)
    for (group, database), same in sorted(rows.items()):
        lines.append(_line(group, database, same))
    if outcomes:
        lines.append(_line("all", "", outcomes))
    return [*lines, f"duplicated {sum(o.duplicated for o in outcomes)} lost {sum(o.lost for o in outcomes)}"]


def _line(group, database, same):
    names = ("points", "healed", "uncertain", "duplicated", "lost")
    numbers = [sum(getattr(one, name) for one in same) for name in names]
    failures = sum(len(one.failures) for one in same)
    minutes = sum(one.seconds for one in same) / 60
    return "{:<52}{:<12}{:>8}{:>8}{:>11}{:>12}{:>6}{:>10}{:>9.1f}".format(group, database, *numbers, failures, minutes)
