"""Verdicts: what an operator may decide about a batch the ledger cannot settle by itself."""

from __future__ import annotations

from enum import StrEnum


class Verdict(StrEnum):
    """`again` means that it did not go out and is sent now; `refused`, that it did not and is not sent."""

    SUBMITTED = "submitted"
    AGAIN = "again"
    REFUSED = "refused"


class Doubt(StrEnum):
    """Why a batch waits for an operator."""

    UNCERTAIN = "uncertain"  # nobody knows whether its call was taken
    SET_ASIDE = "set aside"  # pending, but it kept failing
    FORGOTTEN = "forgotten"  # pending, but this database was restored, or mail of a call it does not know was reported
    CONTRADICTED = "contradicted"  # an operator said it went out, and its worker's late answer says that it did not


#: What may be decided in each case; to leave it as it is may always be chosen.
VERDICTS: dict[Doubt, tuple[Verdict, ...]] = {
    Doubt.UNCERTAIN: (Verdict.SUBMITTED, Verdict.AGAIN, Verdict.REFUSED),
    Doubt.SET_ASIDE: (Verdict.AGAIN, Verdict.REFUSED),
    Doubt.FORGOTTEN: (Verdict.SUBMITTED, Verdict.AGAIN, Verdict.REFUSED),
    Doubt.CONTRADICTED: (Verdict.AGAIN,),
}
