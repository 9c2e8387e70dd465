"""Signing up by a form: what is asked, whose network it comes from, and how a stranger is counted without being known.

Counts are kept under keyed hashes: whoever reads the table learns neither an address nor a network without the key.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

ADDRESS_CHARS = 320  # a local part of 64, the sign, a domain of 255
CODE_CHARS = 64
PAGE_CHARS = 200
_KEPT_AS = {"Cc": " ", "Zl": " ", "Zp": " ", "Cf": "", "Cs": "", "Co": "", "Cn": ""}
_WITH_PORT = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::\d+)?|(\d+\.\d+\.\d+\.\d+):\d+")
_NARROW, _WIDE = 24, 64  # what one household or office has: of IPv4, of IPv6


@dataclass(frozen=True, slots=True)
class Signup:
    """A sign-up as the form gave it. `page` is where the form stood, as far as the browser said.

    `referral_code` is the first code they came by, `later_code` another one, for where the first turns out to be nobody's.
    `network` is `network_name`'s.
    """

    address: str
    asked_at: datetime
    name: str = ""
    referral_code: str = ""
    page: str = ""
    later_code: str = ""
    network: str = ""


@dataclass(frozen=True, slots=True)
class SignupLimits:
    """How many sign-ups are acted on. `again`: no second confirmation while one younger than that is unanswered."""

    per_address: int = 5  # a day
    per_network: int = 20  # an hour
    per_day: int = 2_000
    again: timedelta = timedelta(minutes=10)


def client_network(peer: str, forwarded: str, trusted: Sequence[Network]) -> str:
    """The network a request came from, such as `198.51.100.0/24`; empty where there is no telling.

    `peer` is who is connected; `forwarded` an X-Forwarded-For, believed from its end on as long as those who wrote it are
    proxies: on this machine, in a private network, or in one of `trusted`.
    """
    client = _parsed(peer)
    for hop in reversed(forwarded.split(",")):
        if client is None or not _is_proxy(client, trusted):
            break
        said = _parsed(hop)
        if said is None:
            break
        client = said
    if client is None:
        return ""
    return str(ipaddress.ip_network((client, _NARROW if client.version == 4 else _WIDE), strict=False))


def read_networks(written: str) -> tuple[Network, ...]:
    """Networks separated by commas. ValueError naming the one that is none."""
    found = []
    for part in filter(None, (one.strip() for one in written.split(","))):
        try:
            found.append(ipaddress.ip_network(part, strict=False))
        except ValueError:
            raise ValueError(f"{part!r} is no network such as 203.0.113.0/24") from None
    return tuple(found)


#: Where proxies of one's own stand: this machine, private networks (RFC 1918, RFC 4193), the link, a carrier's or cloud's
#: inside (RFC 6598). Not Python's `is_private`, which also holds networks for documentation.
_NEAR = read_networks(
    "127.0.0.0/8,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,169.254.0.0/16,100.64.0.0/10,::1,fc00::/7,fe80::/10"
)


def blind(secret: str, kind: str, of: str) -> str:
    """The name under which something of a stranger's is counted: a keyed BLAKE2b (RFC 7693), 32 hex digits."""
    key = hmac.digest(secret.encode(), b"broadsheet sign-up counts 1", "sha256")
    return hashlib.blake2b(f"{kind}\0{of}".encode("utf-8", "replace"), key=key, digest_size=16).hexdigest()


def network_name(secret: str, network: str, now: datetime) -> str:
    """The name under which a network is known for one day (UTC): tomorrow's cannot be told from anybody's. Empty for none."""
    return blind(secret, "network of a day", f"{now.astimezone(UTC):%Y-%m-%d}\0{network}") if network else ""


def window(now: datetime, length: timedelta) -> datetime:
    """The beginning of the window of this length that `now` lies in; windows are counted from 1970."""
    return now - timedelta(seconds=now.timestamp() % length.total_seconds())


def one_line(text: str, limit: int) -> str:
    """What a stranger typed or sent, as it is kept: one line of printable characters, cut to a length."""
    shown = (_KEPT_AS.get(unicodedata.category(c), c) for c in text)
    return " ".join("".join(shown).split())[:limit].strip()


def _parsed(text: str) -> _Address | None:
    """An address, alone or as some proxies write it: `198.51.100.7:4711`, `[2001:db8::1]:443`."""
    written = _WITH_PORT.fullmatch(text.strip())
    try:
        found = ipaddress.ip_address(written[1] or written[2] if written else text.strip())
    except ValueError:
        return None
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        return found.ipv4_mapped
    return found


def _is_proxy(address: _Address, trusted: Iterable[Network]) -> bool:
    return any(address in network for network in (*_NEAR, *trusted))
