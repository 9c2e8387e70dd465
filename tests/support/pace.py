"""Time passing for buckets of tokens: the rows are moved back, as the database's clock would have moved on."""

from datetime import timedelta

from sqlalchemy import select, update

from worker.store.engine import reading, writing
from worker.store.pace import read_blocks
from worker.store.tables import rate_buckets


def let_pass(engine, seconds):
    """As if so many seconds had gone by since anything was taken or blocked."""
    with writing(engine) as connection:
        for row in connection.execute(select(rate_buckets)).all():
            moved = {"refilled_at": row.refilled_at - timedelta(seconds=seconds)}
            if row.blocked_until is not None:
                moved["blocked_until"] = row.blocked_until - timedelta(seconds=seconds)
            connection.execute(update(rate_buckets).where(rate_buckets.c.name == row.name).values(moved))


def blocks(engine):
    """What is blocked now, and until when."""
    with reading(engine) as connection:
        return dict(read_blocks(connection))


def messages_left(engine):
    """The messages each bucket held when it was last written, by name."""
    with reading(engine) as connection:
        query = select(rate_buckets.c.name, rate_buckets.c.tokens).where(
            rate_buckets.c.name.not_in(("account", "bulk", "prompt"))
        )
        return {row.name: row.tokens / 1_000 for row in connection.execute(query)}
