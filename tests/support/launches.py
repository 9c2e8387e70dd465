"""A launch on disk for tests of its pages and calls, and a shop that signs."""

import json

from tests.support.makers import NOW
from worker.domain.signed_call import sign

HOOK_SECRET = "a shop's secret of at least thirty-two letters"

PUBLICATION = """
name = "The Slow Ladder"
author = "Mara Lindqvist"
sender = "mara@example.com"
reply_to = "write@example.com"
postal_address = "12 Quay Street, Porto"
list_id = "letters.example.com"
language = "en"
home = "https://example.com"
[slot]
weekday = "monday"
at = "07:00"
zone = "Europe/Lisbon"
"""

LAUNCH = """
id = "groups-2026"
name = "Producer & Groups"
subtitle = "Eight people, twelve weeks."
page = "https://example.com/groups"
button = "Learn more"
opens = 2026-11-10T09:00:00
closes = 2026-11-20T18:00:00
zone = "America/Denver"
"""


def write_project(folder, launch=LAUNCH):
    """The least that pages of a launch need."""
    (folder / "content" / "launches").mkdir(parents=True, exist_ok=True)
    (folder / "content" / "publication.toml").write_text(PUBLICATION)
    (folder / "content" / "launches" / "groups.toml").write_text(launch)
    return folder


def signed(body, at=NOW, secret=HOOK_SECRET):
    """The headers of a call with this body."""
    stamp = str(int(at.timestamp()))
    return {"X-Broadsheet-Timestamp": stamp, "X-Broadsheet-Signature": sign(secret, stamp, body)}


def tell(client, said, at=NOW, launch="groups-2026", secret=HOOK_SECRET, **headers):
    """Call as a shop does; `said` is bytes, or what its JSON holds."""
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    return client.post(f"/hooks/launches/{launch}", data=body, headers=signed(body, at, secret) | headers)
