"""A look into Redis for the doctor: whether it answers, keeps what it is given, and throws nothing out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from redis.exceptions import RedisError

from worker.queue.connection import open_redis


@dataclass(frozen=True, slots=True)
class RedisSeen:
    """`policy` is None where the server does not say (a hosted one may forbid the question), and so is `persistent`."""

    version: str
    policy: str | None
    persistent: bool | None


def look_at_redis(redis_url: str) -> RedisSeen | str:
    """What was seen, or why nothing was (without the URL, which may hold a password)."""
    client = open_redis(redis_url)
    try:
        server: Any = client.info("server")
        memory: Any = client.info("memory")
        persistence: Any = client.info("persistence")
        saves = _saves(client)
    except (RedisError, OSError) as trouble:
        return type(trouble).__name__
    finally:
        client.close()
    aof = persistence.get("aof_enabled")
    return RedisSeen(
        version=str(server.get("redis_version", "unknown")),
        policy=memory.get("maxmemory_policy"),
        persistent=True if aof == 1 else saves,
    )


def _saves(client: Any) -> bool | None:
    """Whether snapshots are written; None where the server does not tell."""
    try:
        return bool(client.config_get("save").get("save"))
    except RedisError:
        return None
