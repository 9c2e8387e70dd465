"""Read the next rows of a file while the database works on the ones before.

A database in a process of its own leaves this one idle for half of an import; reading is the other half.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar

_Item = TypeVar("_Item")
_Block = tuple[list[_Item], Exception | None]


@contextmanager
def read_ahead(items: Iterator[_Item], count: int) -> Iterator[Iterator[_Item]]:
    """The same items in the same order, up to `count` of them taken beforehand by a thread, which ends with the block.

    What the items raise is raised where it stands, after those before it.
    """
    with ThreadPoolExecutor(1, "read-ahead") as pool:
        yield _in_order(pool, items, count)


def _in_order(pool: ThreadPoolExecutor, items: Iterator[_Item], count: int) -> Iterator[_Item]:
    following: Future[_Block[_Item]] = pool.submit(_block, items, count)
    while True:
        block, wrong = following.result()
        if len(block) == count and wrong is None:
            following = pool.submit(_block, items, count)
        yield from block
        if wrong is not None:
            raise wrong
        if len(block) < count:
            return


def _block(items: Iterator[_Item], count: int) -> _Block[_Item]:
    block: list[_Item] = []
    try:
        for item in islice(items, count):
            block.append(item)  # not extend(): what came before an error counts
    except Exception as wrong:
        return block, wrong
    return block, None
