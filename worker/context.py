"""The composition root: Settings become an engine, a provider, a queue and what the author wrote.

A context is made once per process (or in the parent that preloads it) and opens nothing until asked, so it
survives a fork: each child opens its own connections.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

from worker import sources
from worker.config import Settings
from worker.domain.edition import Edition
from worker.domain.mailing import Mailing
from worker.domain.pace import Pace, pace_of
from worker.domain.publication import Publication
from worker.domain.segment import Rule
from worker.domain.signup import SignupLimits
from worker.domain.subscriber import Plan
from worker.providers.account import Account
from worker.providers.base import Provider
from worker.providers.scheduled import Scheduler
from worker.providers.sendgrid import SendGrid
from worker.providers.sendgrid_account import SendGridAccount
from worker.providers.sendgrid_api import SendGridApi
from worker.providers.sendgrid_lists import SendGridLists
from worker.providers.sendgrid_scheduled import SendGridScheduler
from worker.providers.suppression_lists import SuppressionLists
from worker.queue.connection import JobQueue
from worker.render.layout import Templates
from worker.render.links import Signer
from worker.store.engine import Engine, open_engine
from worker.store.erased import hash_addresses
from worker.store.installation import Mark
from worker.usecases.content import Content
from worker.usecases.edition_cache import EditionCache
from worker.usecases.prepare_mailing import prepare_mailing
from worker.usecases.read_content import read_content
from worker.usecases.take_signups import SignupDesk
from worker.usecases.terms import Terms


@dataclass(frozen=True)
class Context:
    """Everything a job, a route or a command needs."""

    settings: Settings

    @cached_property
    def engine(self) -> Engine:
        """The database."""
        engine = open_engine(self.settings.absolute_database_url)
        if secret := self.settings.oldest_secret:
            hash_addresses(engine, secret)
        return engine

    @cached_property
    def queue(self) -> JobQueue:
        """Where jobs are enqueued."""
        return JobQueue(self.settings.redis_url)

    @cached_property
    def provider(self) -> Provider:
        """SendGrid, or the mailroom standing in for it."""
        return self._sendgrid

    @cached_property
    def scheduler(self) -> Scheduler:
        """Batch ids at SendGrid, and taking back what waits under them."""
        return SendGridScheduler(self._sendgrid.api)

    @property
    def lists(self) -> SuppressionLists:
        """SendGrid's own suppression lists."""
        return SendGridLists(self._sendgrid.api)

    @property
    def account(self) -> Account:
        """What SendGrid's account says of itself."""
        return SendGridAccount(self._sendgrid.api)

    @property
    def sendgrid_api(self) -> SendGridApi:
        """Every other call of SendGrid's API, over the provider's connections."""
        return self._sendgrid.api

    @cached_property
    def _sendgrid(self) -> SendGrid:
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

    @cached_property
    def editions(self) -> EditionCache:
        """What was rendered before, by this process or another."""
        return EditionCache(self.settings.path(self.settings.state_dir) / "editions")

    @property
    def content(self) -> Content:
        """What the clock needs of `content/`: launches and sequences, read afresh. A broken sequence stops nothing else."""
        return read_content(self.settings.project)

    @cached_property
    def signer(self) -> Signer:
        """Signs and reads the links in mail."""
        self.settings.require("secret_key")
        return Signer(*self.settings.signing_secrets)

    @property
    def signup_desk(self) -> SignupDesk:
        """What sign-ups are looked at with."""
        self.settings.require("secret_key")
        settings = self.settings
        limits = SignupLimits(
            settings.signup_per_address,
            settings.signup_per_network,
            settings.signup_per_day,
            timedelta(minutes=settings.signup_again_minutes),
        )
        return SignupDesk(settings.secret_key.get_secret_value(), limits)

    @property
    def pace(self) -> Pace:
        """How fast the account may be used, by the settings and the publication's warm-up."""
        return self._pace(self.publication)

    def _pace(self, publication: Publication) -> Pace:
        limits = (self.settings.rate_per_second, self.settings.rate_per_hour, self.settings.rate_per_day)
        return pace_of(*limits, publication.warm_up, publication.slot.zone)

    @property
    def terms(self) -> Terms:
        """On which terms batches are submitted."""
        publication = self.publication
        return Terms(
            publication=publication,
            base_url=self.settings.base_url,
            signer=self.signer,
            mark=Mark(self.settings.path(self.settings.state_dir)),
            lease_seconds=self.settings.lease_seconds,
            sandbox=self.settings.sendgrid_sandbox,
            counts_clicks=self.settings.count_clicks,
            pace=self._pace(publication),
            call_seconds=self.settings.call_deadline_seconds,
            grace=publication.late.grace,
        )

    def prepare(self, mailing: Mailing) -> tuple[Mapping[Plan, Edition], Rule]:
        """Render a mailing's editions and name its segment's rule."""
        return prepare_mailing(
            self.engine,
            self.settings.project,
            mailing,
            base_url=self.settings.base_url,
            now=datetime.now(UTC),
            cache=self.editions,
        )
