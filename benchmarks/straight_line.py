"""The yardstick of benchmarks/submit.py: the same statements and payloads as a worker's, written straight at the driver.

No use case, no SQLAlchemy, no merge values (the requests are ready), no thread, no look at what comes back.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import urllib3

from worker.store.engine import Engine

_CLAIM = """UPDATE batches SET status = 'claimed', claim_token = 'straight', lease_until = 9999999999999
 WHERE status = 'pending' AND id = (SELECT id FROM batches WHERE mailing_id = ? AND status = 'pending' ORDER BY id LIMIT 1)
 AND EXISTS (SELECT 1 FROM mailings WHERE mailings.id = batches.mailing_id AND mailings.status = 'sending') RETURNING id"""
_READ = """SELECT d.id, d.subscriber_id, s.address, s.name, s.referral_code, (SELECT count(*) FROM referrals r WHERE
 r.referrer_id = s.id AND r.confirmed_at IS NOT NULL) FROM deliveries d JOIN subscribers s ON s.id = d.subscriber_id
 WHERE d.batch_id = ? AND d.skipped_reason IS NULL AND d.refused_reason IS NULL ORDER BY d.id"""
_START = "UPDATE batches SET status = 'submitting', attempts = attempts + 1 WHERE id = ? AND status = 'claimed'"
_CHANGED = """SELECT d.id FROM deliveries d JOIN subscribers s ON s.id = d.subscriber_id LEFT JOIN suppressions p ON
 p.address_key = s.address_key WHERE d.batch_id = ? AND (p.reason IS NOT NULL OR s.status <> 'confirmed' OR
 s.address_key <> d.address_key)"""
_SUBMISSION = """INSERT INTO submissions (key, batch_id, generation, token, size, started_at)
 VALUES (?, ?, 0, 'straight', ?, 0) RETURNING id"""
_ANSWER = "UPDATE submissions SET answer = 'accepted', answered_at = 0, message_id = ? WHERE id = ?"
_SETTLE = "UPDATE batches SET status = 'submitted', claim_token = NULL WHERE id = ? AND status = 'submitting'"


def straight_line(engine: Engine, url: str, mailing_id: int, bodies: Sequence[bytes]) -> float:
    """Submit a planned mailing; recipients per second."""
    sqlite = engine.dialect.name == "sqlite"
    mark = "?" if sqlite else "%s"
    connection = engine.raw_connection()
    cursor = connection.cursor()

    def run(statement: str, *values: object) -> None:
        cursor.execute(statement.replace("?", mark), values)

    pool = urllib3.connectionpool.connection_from_url(url, maxsize=1)
    headers = {"Authorization": "Bearer SG.benchmark", "Content-Type": "application/json"}
    recipients = 0
    began = time.perf_counter()
    for body in bodies:
        if sqlite:
            run("BEGIN IMMEDIATE")
        run(_CLAIM, mailing_id)
        (batch_id,) = cursor.fetchone()
        run(_READ, batch_id)
        rows = cursor.fetchall()
        connection.commit()
        if sqlite:
            run("BEGIN IMMEDIATE")
        run(_START, batch_id)
        run(_CHANGED, batch_id)
        cursor.fetchall()
        run(_SUBMISSION, f"straight-{batch_id}", batch_id, len(rows))
        (submission_id,) = cursor.fetchone()
        connection.commit()
        answer = pool.request("POST", "/v3/mail/send", body=body, headers=headers, retries=False)
        if sqlite:
            run("BEGIN IMMEDIATE")
        run(_ANSWER, answer.headers.get("X-Message-Id"), submission_id)
        run(_SETTLE, batch_id)
        connection.commit()
        recipients += len(rows)
    spent = time.perf_counter() - began
    connection.close()
    return recipients / spent
