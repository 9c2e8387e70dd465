"""The terms on which batches are submitted: what every submission of this installation has in common."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from worker.domain.pace import UNLIMITED, Pace
from worker.domain.publication import Publication
from worker.render.links import Signer
from worker.store.installation import Mark


@dataclass(frozen=True)
class Terms:
    """`lease_seconds` is longer than `call_seconds`, the provider's deadline (0: as good as none); `slice_seconds` is how
    long one job goes on claiming. What has handed over nothing by its hour and `grace` is late; None: nobody looks.
    """

    publication: Publication
    base_url: str
    signer: Signer
    mark: Mark
    lease_seconds: float
    sandbox: bool = False
    counts_clicks: bool = False
    slice_seconds: float = 20.0
    pace: Pace = UNLIMITED
    call_seconds: float = 0.0
    grace: timedelta | None = None

    @property
    def delay_seconds(self) -> float:
        """So long after its start a call may begin: its whole deadline still fits into the lease then."""
        return min(self.lease_seconds / 3, self.lease_seconds - self.call_seconds)

    @property
    def lease_millis(self) -> int:
        """The lease in whole milliseconds."""
        return round(self.lease_seconds * 1000)
