"""Every scenario of the crash tests by its name, and which of them is tried how."""

from tests.support.crash_corrections import CHANGED
from tests.support.crash_followups import FOLLOWED_UP
from tests.support.crash_merging import MERGED
from tests.support.crash_referrals import REFERRED
from tests.support.crash_scenarios import FREEZING, SCENARIOS
from tests.support.crash_signups import SIGNED_UP
from tests.support.crash_staged import FREEZING_STAGED, STAGED

FROZEN = FREEZING | FREEZING_STAGED
# With five hundred points and more; `make crash` tries some of them, other ones in every run.
LONG = (
    SIGNED_UP | MERGED | FOLLOWED_UP | {name: SCENARIOS[name] for name in ("follow-ups of a launch and of a referral",)}
)
INTERRUPTED = SCENARIOS | CHANGED | REFERRED | LONG | STAGED  # killed, and told to stop
EVERY = INTERRUPTED | FROZEN


def waits(name):
    """Whether a scenario's mail waits at SendGrid, so that one mailroom must last for all of it."""
    return name in STAGED or name in FREEZING_STAGED
