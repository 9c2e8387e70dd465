"""Writes the list of blocks in docs/authoring.md from the registry: `python -m tests.support.block_pages`.

The registry is the only place where a block is described; a test fails when the page differs from it.
"""

import re
from pathlib import Path

from worker.render.registry import KINDS

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "authoring.md"
_LIST = re.compile(r"(<!-- blocks: .*? -->\n\n).*?(?=\n<!-- end of blocks -->)", re.DOTALL)


def block_list():
    """The table, a row for each block."""
    rows = [f"| `{f'::: {name} {kind.args}'.strip()}` | {kind.summary} |" for name, kind in KINDS.items()]
    return "\n".join(["| block | what it does |", "|---|---|", *rows]) + "\n"


def written(page):
    """The page with the list as it should be."""
    made, count = _LIST.subn(lambda found: found[1] + block_list(), page)
    assert count == 1, "docs/authoring.md has lost the comments around its list of blocks"
    return made


def main():
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
