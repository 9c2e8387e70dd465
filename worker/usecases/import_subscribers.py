"""Import subscribers from a file of any platform: one streaming pass, in chunks that are each whole or not at all.

An import that was stopped is simply run again: what was written is found unchanged, and the end is the same. A dry run
does the same to a copy of those it is about, so it says what the real one will say, and writes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from worker.domain.erasure import is_hash
from worker.domain.milestone import Milestone
from worker.domain.subscriber import SubscriberStatus
from worker.errors import SourceError
from worker.store.engine import Engine, reading, write, writing
from worker.store.erased import is_made_here
from worker.store.new_subscribers import new_referral_code
from worker.store.scratch import copy_people, open_scratch, scratch_code
from worker.usecases.import_chunk import Chunk, ChunkTerms, RowReport, import_chunk, row_key
from worker.usecases.import_decisions import RowEnd
from worker.usecases.import_links import import_links
from worker.usecases.import_rows import ReadRow, RefusedRow, RowKind, SetAsideRow, SubscriberRow
from worker.usecases.read_list import ListForm, open_list

CHUNK = 1_000  # rows in one transaction

OnProgress = Callable[[int, float], None]
OnRow = Callable[[RowReport], None]
OnRefused = Callable[[RefusedRow, ListForm], None]
_Write = Callable[[Chunk, ChunkTerms], list[RowReport]]


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What the author says about the file. `consent`: how they know that people of whom it says nothing have agreed.

    `mapping`: column as written -> field (import_formats/plain.py). `name`: the file's, where the path's is not it.
    `zone`: the publication's, with whose days paid time ends. `milestones`: the publication's, which friends of the file
    reach without earning anything.
    """

    dry_run: bool = False
    mapping: Mapping[str, str] | None = None
    consent: str = ""
    name: str = ""
    zone: str = "UTC"
    milestones: Sequence[Milestone] = ()


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What the file was, and how many rows ended how; together they are every row that was not blank.

    `suppressed` counts rows (added or changed) that say an address must not be mailed; `unsaid` those added as pending
    because the file does not say whether they agreed.
    """

    form: ListForm
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    kept_back: int = 0
    refused: int = 0
    suppressed: int = 0
    unsaid: int = 0

    @property
    def rows(self) -> int:
        """All of them."""
        return self.added + self.changed + self.unchanged + self.kept_back + self.refused


def import_subscribers(
    engine: Engine,
    path: Path,
    now: datetime,
    options: ImportOptions | None = None,
    on_progress: OnProgress | None = None,
    on_row: OnRow | None = None,
    on_refused: OnRefused | None = None,
) -> ImportReport:
    """Import a file. `on_progress` is told the rows read so far and which share of the file that is (0 to 1).

    `on_row` is told how each row ended, in the file's order, `on_refused` is given the refused ones. Raises SourceError
    for a file that cannot be read at all; a bad row is refused and never stops the rest.
    """
    options = options or ImportOptions()
    counts: Counter[str] = Counter()
    with open_list(path, options.mapping, options.name) as opened, _writer(engine, options.dry_run) as write_chunk:
        terms = ChunkTerms(
            options.name or path.name,
            now,
            in_order=opened.form.format == "broadsheet",
            zone=options.zone,
            draw=scratch_code if options.dry_run else new_referral_code,
        )
        for part in _chunks(_recognisable(engine, _vouched(opened.rows(), options.consent), terms.file)):
            unsaid = {row.line for row in part.rows.values() if row.unsaid}
            counts["links"] += sum(row.links is not None for row in part.rows.values())
            for report in _end_part(part, write_chunk(part.rows, terms)):
                counts[report.end] += 1
                counts["suppressed"] += report.suppressed
                counts["unsaid"] += report.end is RowEnd.ADDED and report.line in unsaid
                if on_row is not None:
                    on_row(report)
            for row in part.others:
                if on_refused is not None and isinstance(row, RefusedRow):
                    on_refused(row, opened.form)
            if on_progress is not None:
                on_progress(sum(counts[end] for end in RowEnd), opened.bytes_read() / max(opened.size, 1))
        form = opened.form
    if counts.pop("links", 0) and not options.dry_run:
        import_links(engine, path, now, options.mapping, options.milestones)
    return ImportReport(form, **counts)


@dataclass(frozen=True, slots=True)
class _Part:
    """Rows of one transaction by `row_key`, and those between them that nobody is made of."""

    rows: dict[str, SubscriberRow]
    others: list[RefusedRow | SetAsideRow]


def _chunks(rows: Iterable[ReadRow]) -> Iterator[_Part]:
    """A second row for one person begins a new chunk, so it finds what the first one wrote."""
    part = _Part({}, [])
    for row in rows:
        if not isinstance(row, SubscriberRow):
            part.others.append(row)
        else:
            key = row_key(row)
            if key in part.rows:
                yield part
                part = _Part({}, [])
            part.rows[key] = row
        if len(part.rows) + len(part.others) == CHUNK:
            yield part
            part = _Part({}, [])
    if part.rows or part.others:
        yield part


def _end_part(part: _Part, reports: list[RowReport]) -> list[RowReport]:
    """How all rows of a part ended, in the file's order."""
    for row in part.others:
        end = RowEnd.REFUSED if isinstance(row, RefusedRow) else RowEnd.KEPT_BACK
        reports.append(RowReport(row.line, row.address, end, row.reason))
    return sorted(reports, key=lambda report: report.line) if part.others else reports


def _vouched(rows: Iterator[ReadRow], consent: str) -> Iterator[ReadRow]:
    """People of whom the file does not say whether they agreed, at the author's word."""
    if not consent:
        return rows
    return (
        replace(row, status=SubscriberStatus.CONFIRMED, unsaid=False, consent=row.consent or consent)
        if isinstance(row, SubscriberRow) and row.unsaid
        else row
        for row in rows
    )


def _recognisable(engine: Engine, rows: Iterator[ReadRow], file: str) -> Iterator[ReadRow]:
    """The rows, up to a hash that nobody would be recognised by: whoever it stands for could be mailed again, and no one know."""
    known = ""
    for row in rows:
        if isinstance(row, SubscriberRow) and is_hash(row.address) and (not known or row.hashed_under != known):
            with reading(engine) as connection:
                recognised = is_made_here(connection, row.hashed_under)
            if not recognised:
                raise SourceError(
                    "an erased address was hashed under another SECRET_KEY, and its reader would not be recognised here",
                    file=file,
                    line=row.line,
                    fix="put the SECRET_KEY of where the list comes from into .env, before anybody is erased here, and "
                    "import it again; or take out the rows whose address begins with erased:",
                )
            known = row.hashed_under
        yield row


@contextmanager
def _writer(engine: Engine, dry_run: bool) -> Iterator[_Write]:
    if not dry_run:
        # Two imports in two orders may wait for each other now and then; the one the database ends does its chunk again.
        yield lambda chunk, terms: write(engine, lambda connection: import_chunk(connection, chunk, terms))
        return
    with open_scratch(engine) as scratch:

        def rehearse(chunk: Chunk, terms: ChunkTerms) -> list[RowReport]:
            keys = [key for key, row in chunk.items() if row.kind is not RowKind.ERASED]
            codes = [row.referral_code for row in chunk.values() if row.referral_code]
            with writing(scratch) as connection:
                with reading(engine) as real:
                    copy_people(real, connection, keys, codes)
                return import_chunk(connection, chunk, terms)

        yield rehearse
