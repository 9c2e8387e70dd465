"""Settings: the only reader of the environment. `.env` in the project folder fills what is not set already.

Every field's description is what `.env.example` says of it (tests/house holds them together). All problems are
reported at once, and no value of a secret is ever part of a message.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

from dotenv import dotenv_values
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator

from worker.domain.address import address_key
from worker.domain.signup import read_networks
from worker.domain.web_address import taken_apart
from worker.errors import SettingsError

SENDGRID_LIMIT = 1_000  # personalizations in one request


class Settings(BaseModel):
    """Broadsheet's settings; field `database_url` is the variable `DATABASE_URL`, and so on."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    project: Path = Field(exclude=True)

    database_url: str = Field(
        "sqlite:///var/broadsheet.db",
        description="Where the ledger is kept: sqlite:///path (relative to the project) or postgresql://user:password@host/name.",
    )
    redis_url: str = Field(
        "",
        description="The queue: redis://host:6379/0 or unix:///path. Empty: `broadsheet run` and `demo` start an embedded Valkey.",
    )
    base_url: str = Field(
        "http://127.0.0.1:8025",
        description="The public address of the web process; https, and short, for unsubscribe links reach mail clients in a header.",
    )
    secret_key: SecretStr = Field(
        SecretStr(""),
        description="Signs the links in mail; at least 32 random characters. To change it, keep the old one in SECRET_KEY_BEFORE, or links in mail already sent break.",
    )
    secret_key_before: SecretStr = Field(
        SecretStr(""),
        description="Earlier values of SECRET_KEY, the newest first, separated by commas: links they signed go on working. SECRET_KEY signs.",
    )
    sendgrid_api_key: SecretStr = Field(SecretStr(""), description="SendGrid API key with the Mail Send scope.")
    sendgrid_api_url: str = Field(
        "https://api.sendgrid.com",
        description="SendGrid's host; https://api.eu.sendgrid.com for an EU subuser, or the mailroom's address.",
    )
    sendgrid_webhook_public_key: str = Field(
        "",
        description="Verification key of the signed event webhook, as SendGrid shows it. Empty: the event route refuses everything.",
    )
    event_tolerance_hours: Annotated[float, Field(ge=1, le=240)] = Field(
        25.0,
        description="How old a signed call with events may be, in hours. SendGrid repeats a call for a day; copies change nothing.",
    )
    sendgrid_sandbox: bool = Field(False, description="true: SendGrid validates every submission and delivers none.")
    count_clicks: bool = Field(
        False,
        description="true: links in letters and steps lead through SendGrid, which reports who followed one; for a launch's report. Never a reader's own links (leave, apply, refer), and not plain text.",
    )
    staging: bool = Field(
        True,
        description="true: a broadcast scheduled an hour ahead or more is handed to SendGrid before its hour and can be taken back until 12 minutes before it. The key then needs the scopes mail.batch and user.scheduled_sends.",
    )
    batch_size: Annotated[int, Field(ge=1, le=SENDGRID_LIMIT)] = Field(
        SENDGRID_LIMIT,
        description="Deliveries in one API call, 1 to 1000. Small batches are slower and easier to watch.",
    )
    lease_seconds: Annotated[float, Field(ge=1, le=600)] = Field(
        30.0, description="How long a claimed batch stays its worker's. Must be longer than CALL_DEADLINE_SECONDS."
    )
    call_deadline_seconds: Annotated[float, Field(ge=0.1, le=300)] = Field(
        20.0, description="The longest one API call may take in all, from connecting to the last byte of the answer."
    )
    rate_per_second: Annotated[int, Field(ge=1)] | None = Field(
        None, description="The most messages a second, all workers and hosts together; empty: no limit."
    )
    rate_per_hour: Annotated[int, Field(ge=1)] | None = Field(
        None, description="The most messages in an hour that begins with its first one; empty: no limit."
    )
    rate_per_day: Annotated[int, Field(ge=1)] | None = Field(
        None, description="The most messages in 24 hours that begin with their first one; empty: no limit."
    )
    tick_seconds: Annotated[float, Field(ge=0.1, le=60)] = Field(
        3.0, description="How often the clock looks for what is due."
    )
    bulk_workers: Annotated[int, Field(ge=1, le=64)] = Field(
        2,
        description="Bulk workers in use: how many jobs the clock offers for one broadcast, and how many `run` starts.",
    )
    signup_per_address: Annotated[int, Field(ge=1, le=100)] = Field(
        5, description="The most confirmations mailed to one address in a day, whoever asks for them."
    )
    signup_per_network: Annotated[int, Field(ge=1)] = Field(
        20, description="The most sign-ups in an hour from one network (an IPv4 /24, an IPv6 /64)."
    )
    signup_per_day: Annotated[int, Field(ge=1)] = Field(2_000, description="The most sign-ups in a day in all.")
    signup_again_minutes: Annotated[float, Field(ge=0, le=1440)] = Field(
        10.0, description="How long nobody is sent a second confirmation while one is unanswered, in minutes."
    )
    trusted_proxies: str = Field(
        "",
        description="Networks of proxies in front of the web process whose X-Forwarded-For is believed, separated by commas, such as 203.0.113.0/24. Loopback and private networks always are.",
    )
    launch_hook_secrets: SecretStr = Field(
        SecretStr(""),
        description="Secrets of the signed calls to /hooks/launches/<id> that tell who bought: id:secret, separated by commas, each secret at least 32 characters. An id that is there twice takes both, while one is changed.",
    )
    ops_username: str = Field("ops", description="Login of /ops/queues.")
    ops_password: SecretStr = Field(SecretStr(""), description="Password of /ops/queues. Empty: the page stays closed.")
    alert_address: str = Field("", description="Who gets mail when a broadcast needs attention; empty: nobody.")
    web_port: Annotated[int, Field(ge=0, le=65535)] = Field(
        8025, description="Port of the web process; 0 takes any free one."
    )
    state_dir: Path = Field(
        Path("var"),
        description="Where this host keeps small state outside the database (the mark that shows a restored database, the embedded Valkey's files).",
    )
    log_level: str = Field(
        "INFO", description="DEBUG, INFO, WARNING or ERROR. No level logs addresses, keys or bodies."
    )

    @field_validator("base_url", "sendgrid_api_url")
    @classmethod
    def _web_address(cls, value: str) -> str:
        parts = taken_apart(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("must be a web address such as https://letters.example.com")
        if parts.scheme == "http" and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
            raise ValueError("must be https outside this machine")
        return value.rstrip("/")

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: str) -> str:
        read_networks(value)
        return value.strip()

    @field_validator("alert_address")
    @classmethod
    def _alert_address(cls, value: str) -> str:
        if value.strip():
            try:
                address_key(value)
            except ValueError as wrong:
                raise ValueError(f"is no mail address: {wrong}") from None
        return value.strip()

    @field_validator("launch_hook_secrets")
    @classmethod
    def _hook_secrets(cls, value: SecretStr) -> SecretStr:
        for number, one in enumerate(filter(str.strip, value.get_secret_value().split(",")), start=1):
            launch, _, secret = one.strip().partition(":")
            if not launch.strip() or not secret.strip():
                raise ValueError(f"is written id:secret, separated by commas; number {number} lacks either")
            if len(secret.strip()) < 32:
                raise ValueError(f"the secret of number {number} needs at least 32 characters")
        return value

    @field_validator("log_level")
    @classmethod
    def _level(cls, value: str) -> str:
        if value.upper() not in ("DEBUG", "INFO", "WARNING", "ERROR"):
            raise ValueError("is DEBUG, INFO, WARNING or ERROR")
        return value.upper()

    @model_validator(mode="after")
    def _lease_outlives_call(self) -> Settings:
        if self.lease_seconds <= self.call_deadline_seconds:
            raise ValueError("LEASE_SECONDS must be longer than CALL_DEADLINE_SECONDS, or a live call could be swept")
        return self

    def path(self, relative: Path) -> Path:
        """A path setting, made absolute against the project folder."""
        return relative if relative.is_absolute() else self.project / relative

    @property
    def oldest_secret(self) -> str:
        """The secret that outlives changes of SECRET_KEY: the last of SECRET_KEY_BEFORE, or SECRET_KEY itself."""
        return self.signing_secrets[-1] if self.signing_secrets else ""

    @property
    def absolute_database_url(self) -> str:
        """`database_url` with a relative SQLite path made absolute against the project folder."""
        prefix = "sqlite:///"
        if self.database_url.startswith(prefix) and not self.database_url.startswith(prefix + "/"):
            return f"{prefix}{(self.project / self.database_url.removeprefix(prefix)).resolve()}"
        return self.database_url

    def hook_secrets(self, launch_id: str) -> tuple[str, ...]:
        """The secrets that may sign calls about a launch; empty where none is set."""
        pairs = (one.strip().partition(":") for one in self.launch_hook_secrets.get_secret_value().split(","))
        return tuple(secret.strip() for launch, _, secret in pairs if launch.strip() == launch_id and secret.strip())

    @property
    def signing_secrets(self) -> tuple[str, ...]:
        """`secret_key` and those before it, as worker.render.links.Signer takes them; empty where none is set."""
        newest = self.secret_key.get_secret_value()
        before = (one.strip() for one in self.secret_key_before.get_secret_value().split(","))
        return tuple(dict.fromkeys([newest, *filter(None, before)])) if newest else ()

    def require(self, *fields: str) -> None:
        """Raise SettingsError naming every listed field that is empty."""
        missing = [f"{name.upper()}: is not set" for name in fields if not _plain(getattr(self, name))]
        if "secret_key" in fields and 0 < len(self.secret_key.get_secret_value()) < 32:
            missing.append("SECRET_KEY: needs at least 32 characters")
        if "secret_key" in fields and any(len(one) < 32 for one in self.signing_secrets[1:]):
            missing.append(
                "SECRET_KEY_BEFORE: each key in it needs at least 32 characters; they are separated by commas"
            )
        if missing:
            raise SettingsError(missing)


def project_folder(environment: dict[str, str] | None = None) -> Path:
    """The project of a process that was started for one: BROADSHEET_PROJECT, else the current folder."""
    return Path((os.environ if environment is None else environment).get("BROADSHEET_PROJECT") or ".").resolve()


def load_settings(project: Path, environment: dict[str, str] | None = None) -> Settings:
    """Settings for a project folder, from the environment and `project/.env`; the environment wins.

    An empty variable counts as not set. Raises SettingsError with every problem at once.
    """
    found: dict[str, str | None] = dict(dotenv_values(project / ".env"))
    given = os.environ if environment is None else environment
    found.update({key: value for key, value in given.items() if value})
    known = {name.upper(): name for name in Settings.model_fields if name != "project"}
    values: dict[str, Any] = {known[key]: value for key, value in found.items() if key in known and value}
    try:
        return Settings(project=project.resolve(), **values)
    except ValidationError as wrong:
        raise SettingsError([_sentence(problem) for problem in wrong.errors(include_input=False)]) from None


def _sentence(problem: Any) -> str:
    name = str(problem["loc"][0]).upper() if problem["loc"] else "settings"
    return f"{name}: {str(problem['msg']).removeprefix('Value error, ')}"


def _plain(value: object) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)
