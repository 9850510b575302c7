"""Reads the files of `imported-scores`, without erased visitors, in some 70 bytes a row."""

import hashlib
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import chain
from typing import Any, BinaryIO

import msgspec
import numpy as np

from pawsonalize.core.errors import InvalidInput, needing
from pawsonalize.core.event import SESSION, USER, visitor_digest
from pawsonalize.core.forms.csv_files import CsvRow, CsvTable
from pawsonalize.core.limits import parse_id
from pawsonalize.events.erasure.tables import ErasedLookup
from pawsonalize.events.job_files import CSV, Sources
from pawsonalize.models.recipes.imported_scores import ImportedRows, ImportedScores, owner_digest
from pawsonalize.train.kept_rows import NameCodes

_CHUNK = 1 << 20
_REMEMBERED = 1 << 16
_MOST = float(np.finfo(np.float32).max)


class ScoreFiles(msgspec.Struct, frozen=True):
    """The files that trainings may read, and who was erased."""

    sources: Sources
    erased: ErasedLookup

    def bind(self, recipe: ImportedScores, location: str, dataset_group: str) -> ImportedScores:
        """The recipe with the scores at the location; InvalidInput names the row that is wrong."""
        columns = ("ITEM", "SIMILAR_ITEM") if recipe.needs_item else ("USER", "ITEM")
        gone, items = self.erased.noted_since(-1, dataset_group), NameCodes()
        owner, item, score, sums = array("q"), array("i"), array("f"), hashlib.sha256()

        @lru_cache(_REMEMBERED)
        def read_owner(given: object) -> int | None:
            """The digest of whose the score is; None of somebody who was erased."""
            name = parse_id(given, columns[0])
            # A log that was exported names sessions as users.
            hashes = () if recipe.needs_item else (USER, SESSION)
            is_gone = any(visitor_digest(kind, name) in gone for kind in hashes)
            return None if is_gone else owner_digest(name)

        @lru_cache(_REMEMBERED)
        def read_item(given: object) -> int:
            return items[parse_id(given, columns[1])]

        for file in self.sources.files(location, (*CSV, ".parquet")):
            with file.open() as stream:
                while part := stream.read(_CHUNK):
                    sums.update(part)
                stream.seek(0)
                for line, (whose, what, given) in _rows(file.name, stream, (*columns, "SCORE")):
                    try:
                        row = read_owner(whose), read_item(what), _read_score(given)
                    except InvalidInput as error:
                        where = f"{file.name}, line {line}: {error.message}"
                        raise InvalidInput(where, field=error.field) from error
                    if row[0] is not None:
                        owner.append(row[0])
                        item.append(row[1])
                        score.append(row[2])
        if not score:
            raise InvalidInput(f"{location} has no scores: write its rows", field="location")
        rows = _sorted(np.asarray(owner), np.asarray(item), np.asarray(score), tuple(items))
        return replace(recipe, rows=rows, source={"sha256": sums.hexdigest(), "rows": len(score)})


def _sorted(owner: Any, item: Any, score: Any, items: tuple[str, ...]) -> ImportedRows:
    order = np.lexsort((item, owner))
    owner, item = owner[order], item[order]
    again = item[1:][(np.diff(owner) == 0) & (np.diff(item) == 0)]
    if len(again):
        raise InvalidInput(
            f"{len(again):,} rows score what another row scores, one of them {items[again[0]]}:"
            " leave one row of each pair",
            field="location",
        )
    return ImportedRows(owner, items, item, score[order])


def _read_score(given: Any) -> float:
    try:
        score = float(given)
    except (TypeError, ValueError):
        score = -1.0
    if not 0 <= score <= _MOST:  # NaN neither
        raise InvalidInput(
            f"SCORE is {given!r:.40}, and must be a number of at least 0: write exp(score) of"
            " scores that may be negative, and leave out rows without one",
            field="SCORE",
        )
    return score


def _rows(
    file: str, stream: BinaryIO, columns: Sequence[str]
) -> Iterator[tuple[int, Sequence[object]]]:
    """Each row's line, from 1 on in Parquet, and what it has in the columns."""
    if file.lower().endswith(CSV):
        table = CsvTable(stream)
        places = _places(file, table.header, columns)
        for row in table.rows():
            if not isinstance(row, CsvRow):
                raise InvalidInput(f"{file}, line {row.line}: the row {row.reason}")
            yield row.line, [row.values[place] for place in places]
        return
    with needing("parquet", "Parquet needs pyarrow", "location"):
        import pyarrow  # noqa: PLC0415 - an extra
        import pyarrow.parquet  # noqa: PLC0415
    try:
        stored = pyarrow.parquet.ParquetFile(stream)
        names = stored.schema_arrow.names
        wanted = [names[place] for place in _places(file, names, columns)]
        batches = stored.iter_batches(columns=wanted)
        lists = ([batch.column(name).to_pylist() for name in wanted] for batch in batches)
        yield from enumerate(chain.from_iterable(zip(*one, strict=True) for one in lists), 1)
    except pyarrow.ArrowException as error:
        raise InvalidInput(f"{file} cannot be read as Parquet: {error}") from error


def _places(file: str, header: Sequence[str], columns: Sequence[str]) -> list[int]:
    names = [name.upper().removesuffix("_ID") for name in header]
    for name in columns:
        if name not in names:
            raise InvalidInput(
                f"{file} lacks the column {name}: it must have {', '.join(columns)}", field=name
            )
    return [names.index(name) for name in columns]
