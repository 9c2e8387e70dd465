"""Write a list of invented subscribers, as the author of a real newsletter might have it, to try everything on.

Nobody in it exists: every address is on a domain reserved for examples or tests. Local parts that begin with
bounce, complain, defer or block make the mailroom play that outcome.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from worker.domain.subscriber import Plan

DOMAINS = ("example.com", "example.org", "example.net", "mail.example.com", "letters.example.org", "post.test")
HEADER = ("address", "name", "plan", "status", "tags", "language", "zone", "country", "joined")

# How often, given names (as written, and as spelled in an address), family names, and homes (language, zone, country).
_People = tuple[int, tuple[tuple[str, str], ...], tuple[str, ...], tuple[tuple[str, str, str], ...]]
_PEOPLE: tuple[_People, ...] = (
    (
        36,
        (("Hannah", "hannah"), ("Marcus", "marcus"), ("Aoife", "aoife"), ("Dwayne", "dwayne"), ("Priya", "priya")),
        ("O'Neil", "Whitcombe", "D’Souza", "Ashdown-Reyes", "Okafor", "Lindqvist"),
        (("en", "Europe/London", "GB"), ("en-US", "America/New_York", "US"), ("en-AU", "Australia/Sydney", "AU")),
    ),
    (10, (("Inês", "ines"), ("João", "joao")), ("Guimarães", "da Conceição"), (("pt-PT", "Europe/Lisbon", "PT"),)),
    (10, (("Núria", "nuria"), ("Íñigo", "inigo")), ("Muñoz", "Ibáñez Peña"), (("es", "Europe/Madrid", "ES"),)),
    (6, (("Zoé", "zoe"), ("François", "francois")), ("Lefèvre", "Noël"), (("fr", "Europe/Paris", "FR"),)),
    (6, (("Jürgen", "juergen"), ("Käthe", "kaethe")), ("Großmann", "Weiß"), (("de", "Europe/Berlin", "DE"),)),
    (3, (("Søren", "soren"), ("Åse", "aase")), ("Ødegård", "Kjær"), (("da", "Europe/Copenhagen", "DK"),)),
    (3, (("Łucja", "lucja"), ("Stanisław", "stanislaw")), ("Żółkiewska", "Bąk"), (("pl", "Europe/Warsaw", "PL"),)),
    (3, (("Şebnem", "sebnem"), ("İlker", "ilker")), ("Yıldız", "Çağlar"), (("tr", "Europe/Istanbul", "TR"),)),
    (3, (("Олена", "olena"), ("Тарас", "taras")), ("Коваленко", "Їжак"), (("uk", "Europe/Kyiv", "UA"),)),
    (2, (("Γιώργος", "giorgos"), ("Ελένη", "eleni")), ("Παππάς", "Ξένου"), (("el", "Europe/Athens", "GR"),)),
    (2, (("ნინო", "nino"),), ("გელაშვილი",), (("ka", "Asia/Tbilisi", "GE"),)),
    (2, (("ليلى", "layla"), ("عمر", "omar")), ("الحداد", "منصور"), (("ar", "Africa/Cairo", "EG"),)),
    (2, (("יעל", "yael"),), ("בן דוד",), (("he", "Asia/Jerusalem", "IL"),)),
    (4, (("美咲", "misaki"), ("健太", "kenta")), ("田中", "小林"), (("ja", "Asia/Tokyo", "JP"),)),
    (3, (("志明", "zhiming"), ("怡君", "yijun")), ("陳", "歐陽"), (("zh-Hant", "Asia/Taipei", "TW"),)),
    (2, (("서연", "seoyeon"),), ("김", "남궁"), (("ko", "Asia/Seoul", "KR"),)),
    (2, (("अनन्या", "ananya"),), ("शर्मा", "त्रिपाठी"), (("hi", "Asia/Kolkata", "IN"),)),
    (1, (("สมหญิง", "somying"),), ("ใจดี",), (("th", "Asia/Bangkok", "TH"),)),
)
_WEIGHTS = [people[0] for people in _PEOPLE]

# Names that have broken mail somewhere: each is one reader of every list that is long enough.
_TROUBLE = (
    '<script>alert("hello")</script>',
    "Maximiliana " + "von und zu " * 12 + "Lindenhof",
    "🌻 Rosa 👩‍👩‍👧",
    'Teddy "Bear" O\'Hara & Sons',
    "=HYPERLINK(A1)",
    "Inés {first_name|there} {{ 7 * 7 }} %name%",  # mail greets by the first word: a tag there would look like one left over
    "-bs00h- -bs01t-",
    "  Wide \t  spaces  ",
    "Z\u0336a\u0336l\u0336g\u0336o\u0336",
    "李\u3000小龙, Jr.; the second",
)

_TAGS = ("book club", "coaching", "podcast", "workshop 2025", "early reader", "producer")
_OUTCOMES = ("bounce", "complain", "defer", "block")  # what the mailroom plays, by how an address begins
_STATUSES = ("unsubscribed", "pending", "bounced", "complained")
_PER_MILLE = {"unsubscribed": 60, "pending": 30, "bounced": 12, "complained": 3}
_OUTCOME_PER_MILLE = 2
_FIRST_DAY = datetime(2022, 1, 3, tzinfo=UTC)
_DAYS = 4 * 365


def write_sample(path: Path, count: int, seed: int) -> Counter[Plan]:
    """Write a UTF-8 CSV of `count` invented subscribers; returns how many of each plan may be mailed.

    The same count and seed give the same bytes. One in five pays; about one in ten left, bounced, complained or
    never confirmed. Lists of 40 and more hold at least one of everything.
    """
    random = Random(seed)
    eligible: Counter[Plan] = Counter()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.writer(opened, lineterminator="\n")
        writer.writerow(HEADER)
        for row in _rows(random, count):
            writer.writerow([row[column] for column in HEADER])
            if row["status"] == "confirmed":
                eligible[Plan(row["plan"])] += 1
    return eligible


def _rows(random: Random, count: int) -> Iterator[dict[str, str]]:
    roles = _roles(random, count)
    for number in range(count):
        row = _person(random, number + 1)
        role = roles.get(number, "")
        if role in _STATUSES:
            row["status"] = role
        elif role in _OUTCOMES:
            row["address"] = f"{role}.{row['address']}"
        elif role:
            row["name"] = role
        yield row


def _roles(random: Random, count: int) -> dict[int, str]:
    """Which rows are more than an ordinary reader: their number, and a status, an outcome or a troublesome name."""
    if count < 40:
        return {}
    wanted = [status for status, share in _PER_MILLE.items() for _ in range(max(1, count * share // 1000))]
    wanted += [outcome for outcome in _OUTCOMES for _ in range(max(1, count * _OUTCOME_PER_MILLE // 1000))]
    wanted += _TROUBLE
    return dict(zip(random.sample(range(count), len(wanted)), wanted, strict=True))


def _person(random: Random, number: int) -> dict[str, str]:
    _, given_names, families, homes = random.choices(_PEOPLE, weights=_WEIGHTS)[0]
    given, spelled = random.choice(given_names)
    language, zone, country = random.choice(homes)
    kind = random.random()
    name = f"{given} {random.choice(families)}" if kind < 0.7 else given if kind < 0.88 else ""
    local = random.choice((f"{spelled}{number}", f"{spelled}.reads{number}", f"{spelled.title()}{number}"))
    if random.random() < 0.02:
        local = random.choice((f"{spelled}{number}+letters", f"o'{spelled}{number}", f"{spelled}_{number}"))
    return {
        "address": f"{local}@{random.choice(DOMAINS)}",
        "name": name,
        "plan": "paid" if random.random() < 0.2 else "free",
        "status": "confirmed",
        "tags": ";".join(sorted(random.sample(_TAGS, random.choices((0, 1, 2), weights=(6, 3, 1))[0]))),
        "language": language if random.random() < 0.9 else "",
        "zone": zone if random.random() < 0.8 else "",
        "country": country if random.random() < 0.8 else "",
        "joined": (_FIRST_DAY + timedelta(days=random.randrange(_DAYS))).date().isoformat(),
    }
