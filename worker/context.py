"""The composition root: Settings become an engine, a provider, a queue and what the author wrote.

A context is made once per process (or in the parent that preloads it) and opens nothing until asked, so it
survives a fork: each child opens its own connections.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from worker import sources
from worker.config import Settings
from worker.domain.publication import Publication
from worker.providers.base import Provider
from worker.providers.sendgrid import SendGrid
from worker.queue.connection import JobQueue
from worker.render.layout import Templates
from worker.store.engine import Engine, open_engine


@dataclass(frozen=True)
class Context:
    """Everything a job, a route or a command needs."""

    settings: Settings

    @cached_property
    def engine(self) -> Engine:
        """The database."""
        return open_engine(self.settings.absolute_database_url)

    @cached_property
    def queue(self) -> JobQueue:
        """Where jobs are enqueued."""
        return JobQueue(self.settings.redis_url)

    @cached_property
    def provider(self) -> Provider:
        """SendGrid, or the mailroom standing in for it."""
        self.settings.require("sendgrid_api_key")
        return SendGrid(
            api_key=self.settings.sendgrid_api_key.get_secret_value(),
            api_url=self.settings.sendgrid_api_url,
            deadline_seconds=self.settings.call_deadline_seconds,
        )

    @property
    def publication(self) -> Publication:
        """`content/publication.toml`, read afresh: an edit needs no restart."""
        return sources.read_publication(self.settings.project)

    @property
    def templates(self) -> Templates:
        """`emails/`, read afresh."""
        return Templates(sources.read_templates(self.settings.project), sources.read_theme(self.settings.project))
