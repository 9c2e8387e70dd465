"""Holds the mail that arrived against the model: every person, every step of every run, every issue. Of the program it reads
only what it says itself about its steps (`Said`), to ask whether the reason it gives is one the model knows.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import text

from tests.support.simulation.model import (
    AFTER_ISSUE,
    BETWEEN,
    DAY,
    FOREVER,
    FROM_ISSUE,
    GRACE,
    KEEPS,
    NIGHT_BEGINS,
    NIGHT_ENDS,
    OF_LAUNCH,
    SLOW,
    STEPS,
    WEEK_MOST,
    ZONE,
    Inbox,
    Lives,
    enrollments,
    fall_due,
    launches,
    moment,
    on_wall,
    quiet,
)
from tests.support.simulation.project import MILESTONES, SEQUENCES
from worker.store.instants import from_millis

PUT_OFF = {"night", "near_followup", "week_full", "near_issue", "weekday"}
OF_HOURS = {"not quiet", "lost", "wrong hour", "quiet rule", "early", "reason"}
_SAID = text(
    "SELECT s.sequence AS sequence, d.subscriber_id AS record, d.step_id AS step, d.state AS state, d.reason AS reason,"
    " d.decided_at AS decided_at, e.status AS status, e.reason AS left_for,"
    " COALESCE(v.skipped_reason, x.reason) AS skipped,"
    " v.id AS delivery, e.occurrence AS occurrence, m.status AS mailing FROM due_steps d JOIN sequence_runs s ON s.id = d.run_id"
    " JOIN enrollments e ON e.id = d.enrollment_id"
    " LEFT JOIN mailings m ON m.id = d.mailing_id LEFT JOIN deliveries v ON v.mailing_id = d.mailing_id AND v.subscriber_id = d.subscriber_id"
    " LEFT JOIN exclusions x ON x.mailing_id = d.mailing_id AND x.subscriber_id = d.subscriber_id"
)
_IN_RUN = text(
    "SELECT s.sequence AS sequence, e.subscriber_id AS record, e.status AS status, e.reason AS reason,"
    " e.occurrence AS occurrence FROM enrollments e JOIN sequence_runs s ON s.id = e.run_id"
)


_REFERRALS = text("SELECT id, referrer_id, referred_id, state, reason FROM referrals")
_REWARDS = text("SELECT subscriber_id, milestone_id, state FROM referral_rewards WHERE state <> 'void'")
_MONTHS = text("SELECT subscriber_id FROM grants WHERE key LIKE 'referral:%' AND revoked_at IS NULL")


@dataclass
class Report:
    """What was looked at, by kind, and what was wrong: (what, record, words)."""

    checked: Counter = field(default_factory=Counter)
    wrong: list = field(default_factory=list)
    outcomes: Counter = field(default_factory=Counter)
    delayed: int = 0  # handed over long after their tick, by a worker that was stalled
    delayed_loud: Counter = field(default_factory=Counter)  # quiet rules such late ones broke

    entangled: frozenset = frozenset()  # records that were merged: their hours are those of two, and are not judged

    def say(self, what, record, words):
        if what in OF_HOURS and record in self.entangled:
            self.outcomes["of two records"] += 1
        else:
            self.wrong.append((what, record, words))


def check(ran, mails=None):
    """Everything; a Report. `mails`: others than arrived, to see that the model notices."""
    lives = Lives(ran.world.log, ran.world.people, ran.ticks, ran.world.stalled, ran.left_over)
    mails = ran.mails if mails is None else mails
    said = defaultdict(list)
    friends = {str(row.id): str(row.referred_id) for row in ran.product.rows(_REFERRALS)}
    for row in ran.product.rows(_SAID):
        said[row.record, _key(row, friends)].append(row)
    inside = {(row.sequence, row.record, _occurrence(row, friends)): row for row in ran.product.rows(_IN_RUN)}
    report = Report(entangled=frozenset(lives.entangled))
    inbox, by_step = _sort(ran, lives, mails, said, report)
    _check_once(lives, by_step, inbox, report)
    for mail, record in by_step["mails"]:
        _check_consent(lives, mail, record, report)
    _check_issues(ran, lives, inbox, report)
    for one in enrollments(lives, inbox):
        _check_enrolled(lives, inbox, one, said, inside, report)
    _check_quiet(lives, inbox, report)
    _check_referrals(ran, lives, report)
    return report


def _occurrence(row, friends):
    return friends.get(row.occurrence, row.occurrence) if row.sequence == "friend" else row.occurrence


def _key(row, friends):
    """A step as the model calls it: of several friends' or milestones' each by whom or what it is about."""
    occurrence = _occurrence(row, friends)
    return f"{row.step}#{occurrence}" if occurrence else row.step


def _check_referrals(ran, lives, report):
    """Who counts, what was reached and which months were given, each once."""
    counted, rows = defaultdict(set), ran.product.rows(_REFERRALS)
    for row in rows:
        report.checked["referrals"] += 1
        if row.state == "verified":
            counted[row.referrer_id].add(row.referred_id)
    earned = Counter((row.subscriber_id, row.milestone_id) for row in ran.product.rows(_REWARDS))
    months = Counter(row.subscriber_id for row in ran.product.rows(_MONTHS))
    odd = lives.entangled | {lives.came_by[one][0] for one in lives.entangled if one in lives.came_by}
    odd |= {friend for friend, (referrer, _) in lives.came_by.items() if referrer in odd}
    for record in lives.people:
        if record in odd:
            continue
        report.checked["referrers"] += record in lives.friends
        mine = {friend for _, friend in lives.friends[record]}
        if mine != counted[record]:
            report.say("credit", record, f"the model counts {sorted(mine)}, the program {sorted(counted[record])}")
        for milestone in MILESTONES:
            due = int(milestone in lives.reached[record])
            report.checked["rewards"] += due
            if earned[record, milestone] != due:
                report.say("reward", record, f"{milestone}: {earned[record, milestone]} instead of {due}")
        gone = lives.erased(record, FOREVER)  # a grant goes with its reader
        if months[record] != int("month" in lives.reached[record] and not gone):
            report.say("months", record, f"{months[record]} grants of a month")


def _sort(ran, lives, mails, said, report):
    """Arrivals by record, with the tick that let each go: the program says which, and must not have said a later one."""
    told = {
        row.delivery: (from_millis(row.decided_at), key)
        for (_, key), rows in said.items()
        for row in rows
        if row.delivery is not None
    }
    inbox, found = Inbox(), defaultdict(list)
    for (record, key), rows in said.items():
        for row in rows:
            if row.state == "planned" and (row.skipped or row.mailing == "cancelled"):
                at = from_millis(row.decided_at)
                inbox.never_came[record].append((at, at, key))
    for mail in sorted(mails, key=lambda one: one.at):
        kind, _, rest = mail.subject.partition(" ")
        record = ran.world.by_address.get(mail.to)
        report.checked["messages"] += 1
        if record is None:
            report.say("stranger", 0, f"{mail.subject} to an address nobody has")
            continue
        if kind not in ("step", "issue"):
            continue
        found["mails"].append((mail, record))
        name = rest.split()[0]
        if kind == "issue":
            found[record, name].append(mail)
            inbox.issues[record].setdefault(name, mail.at)
            continue
        at, name = told.get(mail.delivery, (mail.at, name))
        if at > mail.at or at not in _as_set(lives):
            report.say("decided", record, f"{name} arrived {mail.at}, decided {at}, which is no tick before it")
        if mail.at - at > SLOW:
            report.delayed += 1
        found[record, name].append(mail)
        inbox.steps[record].append((at, mail.at, name))
    return inbox, found


def _as_set(lives):
    if not hasattr(lives, "tick_set"):
        lives.tick_set = frozenset(lives.ticks)
    return lives.tick_set


def _check_once(lives, by_step, inbox, report):
    for key, got in by_step.items():
        if key == "mails":
            continue
        report.checked["messages once"] += 1
        if len(got) > 1:
            report.say("twice", key[0], f"{key[1]}: {[str(one.at) for one in got]}")
    humans = defaultdict(list)
    for record, into in lives.merged_into.items():
        for step in {key[1] for key in by_step if key != "mails" and key[0] in (record, into)}:
            merged_at = next(span[0] for span in lives.barred_spans[record] if span[3] == "merged")
            late = [
                one for one in (*by_step.get((record, step), ()), *by_step.get((into, step), ())) if one.at > merged_at
            ]
            both = [*by_step.get((record, step), ()), *by_step.get((into, step), ())]
            if len(both) > 1 and late and len(both) > len([one for one in both if one.at <= merged_at]):
                humans[record].append((step, [str(one.at) for one in both]))
    for record, twice in humans.items():
        report.say("twice by two records", record, str(twice))
    del inbox


def _check_consent(lives, mail, record, report):
    """Nobody who may not be mailed at this moment is; and the right edition, with a way out, to the right address."""
    at = mail.at
    kind, name = mail.subject.split()[:2]
    report.checked["hand-overs"] += 1
    if why := lives.barred(record, at):
        report.say("mailed after", record, f"{why}: {mail.subject} at {at}")
    if lives.paused(record, at):
        report.say("mailed while paused", record, f"{mail.subject} at {at}")
    launch = STEPS[name][0] if kind == "step" and STEPS[name][1].anchor in OF_LAUNCH else None
    if launch and (why := lives.out_of_launch(record, launch, at)):
        report.say("mailed after", record, f"{why}: {mail.subject} at {at}")
    if launch is None and lives.launches_only(record, at):
        report.say("mailed launches only", record, f"{mail.subject} at {at}")
    for moved_at, old, _new in lives.addresses[record]:
        if at >= moved_at and mail.to == old:
            report.say("old address", record, f"{mail.subject} at {at}")
    plans = lives.plans(record, at - DAY, at)  # frozen when it was planned
    if ("paid" if mail.paid_word else "free") not in plans:
        report.say("edition", record, f"{mail.subject} at {at}: paid word {mail.paid_word}, plan {plans}")
    for card in mail.cards:
        report.checked["cards"] += 1
        if at >= lives.closes(card, at)[1]:
            report.say("card of a closed launch", record, f"{card} in {mail.subject} at {at}")
    if not mail.one_click:
        report.say("no way out", record, mail.subject)


def _check_issues(ran, lives, inbox, report):
    """Each issue went to everybody who could have it, and to nobody else (consent is looked at above)."""
    for issue, (_, hour) in lives.scheduled.items():
        place = lives.tick_from(hour)
        if place + 1 >= len(lives.ticks):
            continue
        for record in lives.people:
            report.checked["issues owed"] += 1
            if issue in inbox.issues[record]:
                if inbox.issues[record][issue] < hour:
                    report.say("issue early", record, issue)
                continue
            at, later = lives.tick_at(place), hour + 5 * DAY
            came = lives.signed_up.get(record)
            if came is not None and came > at - DAY:
                continue
            spans = lives.barred_spans[record]
            barred = any(begins <= later and latest > at - timedelta(hours=1) for begins, _, latest, _ in spans)
            if barred or lives.paused(record, at) or lives.launches_only(record, at) or record in lives.entangled:
                continue
            if _changed_mind(lives, record, at):
                continue
            report.say("issue lost", record, f"{issue} of {hour}")


def _changed_mind(lives, record, at):
    wishes = [when for when, _ in (*lives.pauses[record], *lives.wishes[record])]
    return any(at <= when <= at + DAY for when in wishes)


def _check_enrolled(lives, inbox, one, said, inside, report):
    report.checked["enrollments"] += 1
    row = inside.get((one.sequence, one.record, one.occurrence))
    if row is None:
        if one.sure and one.record not in lives.entangled and one.from_tick < len(lives.ticks):
            report.say("not enrolled", one.record, f"{one.sequence}, met {one.met}")
        return
    arrived = {step: at for at, _, step in inbox.steps[one.record]}
    place, left, before = one.from_tick, list(SEQUENCES[one.sequence]), set()
    while left:
        at = lives.tick_at(min(place, len(lives.ticks) - 1))
        step = min(left, key=lambda each: moment(lives, one, each, at)[0])
        left.remove(step)
        report.checked["steps"] += 1
        waited = set()
        outcome, place = _judge(lives, inbox, one, step, place, arrived, said, report, waited, before)
        if outcome != "wrong":  # that was said: as a violation, or as one of two records
            report.outcomes[outcome] += 1
        before = waited if outcome == "skipped" else set()
        if outcome in ("stopped", "not yet", "wrong"):
            for each in left:
                if one.key(each) in arrived and outcome == "stopped":
                    report.say("after leaving the sequence", one.record, f"{each.id} at {arrived[one.key(each)]}")
            return


def _judge(lives, inbox, one, step, place, arrived, said, report, waited, before):
    """What had to become of one step, tick by tick; (outcome, the tick that decided it).

    `waited` is filled with what put it off. `before`: what the one before was given up for, which the program may have
    done as soon as it saw that no moment was left, to look at this one, and put it off, from its own hour on.
    """
    record, got = one.record, arrived.get(one.key(step))
    rows = said.get((record, one.key(step)), ())
    reasons, first = _reasons(rows), True
    decided = {from_millis(row.decided_at) for row in rows if row.decided_at is not None}
    while place < len(lives.ticks):
        at = lives.ticks[place]
        due, expires = moment(lives, one, step, at)
        if at < due:
            if got is not None and got <= at:
                report.say("early", record, f"{step.id} at {got}, due {due}")
                return "wrong", place
            place = max(place + 1, lives.tick_from(due))
            continue
        if at in lives.left_over and at not in decided:
            place += 1  # more was due than a pass decides, and the next one went on
            continue
        why = _why_not(lives, one, step, at, due, expires, waited, inbox, first)
        first = False
        if isinstance(why, str) and why.startswith("wait"):
            waited.update(why.split()[1:])
            if got == at and quiet(lives, inbox, one, step, at, surely=True):
                report.say("not quiet", record, f"{step.id} at {at}: {why[5:]}")
            if got == at:
                return "sent", place
            place += 1
            continue
        if why is None:
            return _must_have_gone(lives, one, step, at, got, reasons, waited, report), place
        stops, may = why
        put_off = at < expires and waited and quiet(lives, inbox, one, step, at, surely=False)
        if put_off and stops and got != at and not reasons & may:
            place += 1  # nobody looks at a step before the hour it was put off to: who has come back by then goes on
            continue
        if got is not None:
            if record in lives.entangled or (got < at and not stops):
                return "sent", place
            report.say("sent though", record, f"{step.id} at {got}: {sorted(may)}")
            return "wrong", place
        if not reasons & (may | before) and record not in lives.entangled and one.sure:
            report.say(
                "reason", record, f"{step.id} at {at}: the model says {sorted(may)}, the program {sorted(reasons)}"
            )
            return "wrong", place
        given_up = reasons & waited and not reasons & (may - waited)  # before there was a reason to leave
        return ("stopped" if stops and not given_up else "skipped"), place
    if got is not None:
        report.say("sent though", record, f"{step.id} at {got}: not due")
    return "not yet", place


def _why_not(lives, one, step, at, due, expires, waited, inbox, first):
    """None: it must go now. "wait ...": put off. Else (whether the sequence ends, the reasons that would say so)."""
    record = one.record
    launch = one.sequence if step.anchor in OF_LAUNCH else None
    if why := lives.barred(record, at):
        return True, {why, "stopped", "erased", "merged", "unsubscribed"} | waited  # or given up before
    if launch and (why := lives.out_of_launch(record, launch, at)):
        return True, {why} | waited
    if launch is None and lives.launches_only(record, at):
        return True, {"launches_only"} | waited
    plans = lives.plans(record, at, at)
    if step.stop_plan in plans:
        return True, {"stop_if"} | waited
    if due < one.met:
        return False, {"joined_later", "late"}
    if launch and step.anchor == "closes" and not step.before:
        pass
    elif launch and at >= lives.closes(launch, at)[1]:
        return False, {"closed", "late"} | waited
    if step.anchor == "almost" and not lives.is_one_short(record, at):
        waited.add("only_if")  # looked at whenever it is put off anew, which is not at every tick
    if at >= expires:
        return False, waited or {"late"}
    if first and step.before and at - due > GRACE:
        return False, {"late"}  # the step before it was put off so long that this one's hour has passed
    if launch and lives.held(launch, step, at):
        return "wait held"
    if lives.returning(record, at):
        return "wait returning"
    if first or not quiet(lives, inbox, one, step, at, surely=False):
        if step.only_plan and step.only_plan not in plans:
            return False, {"only_if"}
        if step.anchor == "almost" and not lives.is_one_short(record, at):
            return False, {"only_if"}
        if lives.paused(record, at):
            return False, {"paused"}
    if why := quiet(lives, inbox, one, step, at, surely=False):
        return f"wait {' '.join(why)}"
    return None


def _must_have_gone(lives, one, step, at, got, reasons, waited, report):
    """At this tick nothing stood in its way."""
    record = one.record
    if got == at:
        return "sent"
    if got is not None and got < at and record in lives.entangled:
        return "sent"
    if got is not None:
        report.say("wrong hour", record, f"{step.id} decided {got}, the model says {at} (waited for {sorted(waited)})")
        return "wrong"
    until, handed_over = at + DAY, lives.works_again(at)
    plans = lives.plans(record, at, handed_over)
    happened = bool(
        lives.barred(record, until)
        or lives.paused(record, handed_over)
        or step.stop_plan in plans
        or (step.only_plan and plans != {step.only_plan})
        or "only_if" in waited
        or (step.anchor == "almost" and not lives.is_one_short(record, handed_over))
        or lives.out_of_launch(record, one.sequence, until)
        or lives.launches_only(record, until)
        or record in lives.entangled
        or not one.sure
    )
    if happened and reasons:
        return "dropped out"
    if at >= lives.ticks[-2]:
        return "not yet"
    outlived = handed_over >= moment(lives, one, step, at)[1]
    if reasons & {"expired", "late"} and (outlived or lives.late(step, at)):
        return "expired"
    report.say("lost", record, f"{step.id} was to go at {at}; the program says {sorted(reasons)}")
    return "wrong"


def _reasons(rows):
    found = set()
    for row in rows:
        found |= {word for word in (row.reason, row.skipped, row.left_for) if word}
        if row.mailing == "cancelled":
            found.add("expired")
    return found


def _check_quiet(lives, inbox, report):
    """Between what arrived, whoever decided it when."""
    for record, got in inbox.steps.items():
        home = lives.zone(record) or ZONE
        hours = sorted((arrived, decided, step) for decided, arrived, step in got)
        for place, (at, decided, step) in enumerate(hours):
            report.checked["quiet"] += 1
            broken = []
            wall = on_wall(at - SLOW, home).time()
            if (wall >= NIGHT_BEGINS or wall < NIGHT_ENDS) and on_wall(at, home).time() < NIGHT_ENDS:
                broken.append("night")
            if place and at - hours[place - 1][0] < BETWEEN - SLOW:
                broken.append(f"near {hours[place - 1][2]}")
            if sum(1 for other, _, _ in hours[:place] if at - other < 7 * DAY - SLOW) >= WEEK_MOST:
                broken.append("week")
            for issue, arrived in inbox.issues[record].items():
                if abs(at - arrived) < FROM_ISSUE - SLOW:
                    broken.append(f"near {issue}")
            for rule in broken:
                others = hours[max(0, place - (WEEK_MOST if rule == "week" else 1)) : place + 1]
                late = any(other - then > SLOW for other, then, _ in others)
                if late or _issue_late(lives, inbox, record, rule):
                    report.delayed_loud[rule.split()[0]] += 1
                else:
                    report.say("quiet rule", record, f"{rule}: {step} at {at} (decided {decided})")
    del lives


def _issue_late(lives, inbox, record, rule):
    """Whether an issue came long after its hour: then the rule was kept towards its hour alone."""
    issue = rule.removeprefix("near ")
    return issue in lives.scheduled and inbox.issues[record][issue] - lives.scheduled[issue][1] > SLOW


def story(ran, record, mails=()):
    """Everything about one person, in order."""
    lines = [(one.at, f"{one.what} {one.detail or ''}") for one in ran.world.log if one.record == record]
    lines += [
        (one.at, f"got: {one.subject}") for one in mails or ran.mails if ran.world.by_address.get(one.to) == record
    ]
    return [f"{at:%m-%d %H:%M} {words}" for at, words in sorted(lines)]


__all__ = ["AFTER_ISSUE", "KEEPS", "Report", "check", "fall_due", "launches", "story"]
