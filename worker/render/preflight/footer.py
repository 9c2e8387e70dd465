"""What every mail must hold by law and by the rules of mailbox providers."""

from __future__ import annotations

from collections.abc import Iterator

from worker.domain.edition import MergeName
from worker.render.links import LINK_PATHS
from worker.render.preflight.findings import ERROR, Spot, rule
from worker.render.preflight.proof import Proof

_TEMPLATE = "emails/layouts/footer.mjml.j2"


@rule("postal-address", ERROR, "the law of many countries asks for it (US: CAN-SPAM, 16 CFR 316)", silenceable=False)
def postal_address_is_shown(proof: Proof) -> Iterator[Spot]:
    """The postal address stands in both parts."""
    address = " ".join(proof.publication.postal_address.split())
    for plan in proof.plans:
        mail = proof.finished[plan]
        shown = all(address in " ".join(part.split()) for part in (mail.page.words(0), mail.text))
        if not address or not shown:
            fix = f"give postal_address, and keep {{{{ publication.postal_address }}}} in {_TEMPLATE}"
            yield Spot(f"the {plan} edition shows no postal address", fix, file="content/publication.toml")


@rule(
    "unsubscribe-link",
    ERROR,
    "who cannot leave reports spam, and Gmail and Yahoo refuse bulk mail without it",
    silenceable=False,
)
def leaving_is_possible(proof: Proof) -> Iterator[Spot]:
    """Both parts hold the reader's own unsubscribe link."""
    for plan in proof.plans:
        edition = proof.editions[plan]
        link = next(
            (LINK_PATHS[t.name] + t.tag for t in edition.merge_tags if t.name is MergeName.UNSUBSCRIBE_LINK), None
        )
        if link is None or f'{link}"' not in edition.html or link not in edition.text:
            fix = f'keep merge("unsubscribe_link") in {_TEMPLATE}'
            yield Spot(f"the {plan} edition has no unsubscribe link", fix, file=_TEMPLATE)
