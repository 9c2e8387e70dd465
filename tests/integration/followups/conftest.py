from tests.support.commands import broadsheet  # noqa: F401  (fixtures)
from tests.support.mailroom import mailroom, start_mailroom  # noqa: F401  (fixtures)
