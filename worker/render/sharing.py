"""Where a reader may pass their link on: plain addresses of other services, which learn of it only when one is followed.

What each service takes was read from its own page for developers: WhatsApp's click to chat, Telegram's share link,
Facebook's sharer, LinkedIn's share-offsite, Bluesky's compose intent.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote


@dataclass(frozen=True, slots=True)
class ShareLink:
    """One button."""

    name: str
    href: str


def share_links(publication: str, description: str, link: str) -> tuple[ShareLink, ...]:
    """Buttons for a link to this publication."""
    words = f"{publication}: {description}" if description else publication
    text, both, address = quote(words, safe=""), quote(f"{words} {link}", safe=""), quote(link, safe="")
    body = quote(f"{words}\n\n{link}", safe="")
    mail = f"mailto:?subject={quote(publication, safe='')}&body={body}"
    return (
        ShareLink("Mail", mail),
        ShareLink("WhatsApp", f"https://wa.me/?text={both}"),
        ShareLink("Telegram", f"https://t.me/share/url?url={address}&text={text}"),
        ShareLink("Facebook", f"https://www.facebook.com/sharer/sharer.php?u={address}"),
        ShareLink("LinkedIn", f"https://www.linkedin.com/sharing/share-offsite/?url={address}"),
        ShareLink("Bluesky", f"https://bsky.app/intent/compose?text={both}"),
    )
