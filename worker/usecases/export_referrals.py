"""Export referrals: who brought whom, and what became of it, as CSV that no spreadsheet runs."""

from __future__ import annotations

import csv
from typing import IO, Any

import orjson

from worker.store.engine import Engine, reading_steadily
from worker.store.referral_reports import ReferralLine, stream_referrals
from worker.usecases.export_columns import guard, write_moment

COLUMNS = ("id", "referrer", "friend", "state", "reason", "recorded_at", "confirmed_at", "decided_at")


def export_referrals(engine: Engine, out: IO[str], as_json_lines: bool) -> int:
    """Write every referral to an open text file; returns how many rows, without the header. Erased people have no address."""
    writer = csv.writer(out, lineterminator="\r\n")  # RFC 4180
    if not as_json_lines:
        writer.writerow(COLUMNS)
    rows = 0
    with reading_steadily(engine) as connection:
        for line in stream_referrals(connection):
            rows += 1
            values = plain_line(line)
            if as_json_lines:
                out.write(orjson.dumps(values).decode() + "\n")
            else:
                writer.writerow([guard(str(value)) for value in values.values()])
    return rows


def plain_line(line: ReferralLine) -> dict[str, Any]:
    """A referral by column, moments as text."""
    return {
        "id": line.id,
        "referrer": line.referrer,
        "friend": line.friend,
        "state": line.state,
        "reason": line.reason,
        "recorded_at": write_moment(line.recorded_at),
        "confirmed_at": write_moment(line.confirmed_at),
        "decided_at": write_moment(line.decided_at),
    }
