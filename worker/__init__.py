"""Broadsheet: a newsletter worker. Rooms and who may import whom: docs/architecture.md."""

import time

#: When this process began to read its own source (Unix seconds); a file changed later is not what runs here.
LOADED_AT = time.time()
