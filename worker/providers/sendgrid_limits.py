"""SendGrid's limits on one request, all in one place, each with its source. Checks sizes; builds and sends nothing.

Sources: [oai] the official OpenAPI, tsg_mail_v3, and [errors] the errors and limitations pages of the mail send
reference (both read in 2026-07). Where SendGrid's pages contradict each other the smaller number is kept.
"""

from __future__ import annotations

from worker.errors import BroadsheetError
from worker.providers.base import RefusalKind

RECIPIENTS = 1_000  # personalizations in a request, and addresses over all of them [oai, errors]
BODY_BYTES = 30 * 1024 * 1024 - 1  # "the total size must be less than 30MB" [errors]
SUBSTITUTION_BYTES = 10_000  # of one personalization [oai]; the substitution tags page says 50,000
CUSTOM_ARGS_BYTES = 10_000  # message level and personalization merged [errors]
CATEGORIES = 10  # unique, ASCII [oai, errors]
CATEGORY_CHARS = 255  # [oai]
ADDRESS_CHARS = 320  # [errors]
AHEAD_SECONDS = 72 * 3_600  # how far ahead `send_at` may lie [errors]
# Ours: a URL in a header cannot be folded, and what breaks or encodes it makes Gmail ignore it. The line limit of
# RFC 5322 is 998 with the field's name.
HEADER_URL_CHARS = 900


class PayloadError(BroadsheetError):
    """A submission that SendGrid would refuse as a whole: nothing was sent. The message holds no address.

    `kind` is what SendGrid's refusal would be about: SIZE can be split, anything else is the message's fault.
    """

    def __init__(self, what: str, kind: RefusalKind = RefusalKind.MESSAGE) -> None:
        super().__init__(what)
        self.kind = kind


def over_limit(values: str) -> bool:
    """Whether a recipient's merge values (a JSON object's text) are more than SendGrid takes; such a row is skipped.

    Counts the bytes as they travel, JSON's quotes and commas with them: at most a few bytes stricter than SendGrid.
    """
    return len(values) > SUBSTITUTION_BYTES // 4 and len(values.encode()) > SUBSTITUTION_BYTES
