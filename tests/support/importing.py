"""Imports for tests: a file's lines or bytes go in, and every row's end comes out."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.support.makers import NOW
from worker.usecases.import_subscribers import ImportOptions, ImportReport, import_subscribers
from worker.usecases.read_list import open_list

COUNTS = ("added", "changed", "unchanged", "kept_back", "refused", "suppressed", "unsaid")


@dataclass(frozen=True)
class Loaded:
    """How an import ended. `ends` are (line, end, address, why), `refused` the refused rows themselves."""

    report: ImportReport
    ends: tuple
    refused: tuple

    @property
    def counts(self):
        """Those that are not zero."""
        return {name: number for name in COUNTS if (number := getattr(self.report, name))}

    def why(self, address):
        """What the last row of this address was told."""
        return next(why for _line, _end, whose, why in reversed(self.ends) if whose == address)


def load_file(engine, path, now=NOW, on_progress=None, **options):
    """Import a file as it is."""
    ends, refused = [], []
    report = import_subscribers(
        engine,
        path,
        now,
        ImportOptions(**options),
        on_progress=on_progress,
        on_row=lambda row: ends.append((row.line, row.end.value, row.address, row.why)),
        on_refused=lambda row, _form: refused.append(row),
    )
    return Loaded(report, tuple(ends), tuple(refused))


def load(engine, *lines, name="list.csv", **options):
    """Import these lines; or bytes, as the file itself."""
    content = (
        lines[0]
        if isinstance(lines[0], bytes)
        else "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        return load_file(engine, path, **options)


def read(*lines, name="list.csv", mapping=None):
    """The form of a file with these lines, and its rows, without any database."""
    content = (
        lines[0]
        if isinstance(lines[0], bytes)
        else "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        with open_list(path, mapping) as opened:
            return opened.form, list(opened.rows())
