"""UTM parameters: what a publication's own site learns of where its visitors came from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Utm:
    """`[utm]` of publication.toml. `campaign` may hold `{slug}`; `domains` are hosts, those below them included."""

    source: str
    domains: tuple[str, ...]
    medium: str = "email"
    campaign: str = "{slug}"

    def parameters(self, slug: str) -> tuple[tuple[str, str], ...]:
        """Names and values for the text of that slug, in the order in which they are appended."""
        campaign = self.campaign.replace("{slug}", slug)
        return ("utm_source", self.source), ("utm_medium", self.medium), ("utm_campaign", campaign)
