"""The files of the training table: rows of the log as Parquet, sorted by visitor."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from io import BytesIO
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from pawsonalize.core.errors import CorruptArtefact, needing

FOLDER, SCRATCH = "training", "training-scratch"
"""Folders in the archive's store: the files, and an engine's scratch files."""

Array = NDArray[Any]
Columns = Mapping[str, Array]
_BATCH = 65_536
_BUCKETS = 2**16
_TEXTS = ("item", "event_type", "told")
_ROWS_PER_GROUP = 65_536  # so that a visitor is looked for in few of them


def is_of_training(key: str) -> bool:
    """True if an object of the archive's store is part of the training table, or an engine's."""
    return key.startswith((f"{FOLDER}/", f"{SCRATCH}/"))


ARCHIVE_KEYS = (is_of_training,)


class TableRow(NamedTuple):
    """A row of the training table."""

    offset: int
    """Of the event in the log."""
    visitor: int
    """A number made of the digest of the visitor's key."""
    item: str
    event_type: str
    """As it was sent."""
    sent_at: int
    """Milliseconds since 1970."""
    value: float | None
    facets: str | None
    """The event's facets, as the JSON of properties; None without any."""


def table_file(rows: Sequence[TableRow]) -> bytes:
    """The rows, at least one, as a file."""
    arrow = pyarrow()
    schema = _schema(arrow)
    columns = dict(zip(schema.names, zip(*rows, strict=True), strict=True))
    return _written(arrow, arrow.Table.from_pydict(columns, schema=schema), sort=True)


def joined(files: Sequence[bytes]) -> bytes:
    """The rows of several files as one."""
    arrow = pyarrow()
    return _written(arrow, arrow.concat_tables([_table(arrow, one) for one in files]), sort=True)


def without(file: bytes, visitors: Collection[int], through: int) -> bytes | None:
    """Return the file without these visitors' events up to the offset; None if nothing is left."""
    arrow = pyarrow()
    if not _holds(arrow, file, visitors):
        return file
    table = _table(arrow, file)
    gone = np.isin(table["visitor"].to_numpy(), np.array(sorted(visitors), np.int64))
    gone &= table["offset"].to_numpy() <= through
    if not gone.any():
        return file
    return None if gone.all() else _written(arrow, table.filter(arrow.array(~gone)))


def _holds(arrow: Any, file: bytes, visitors: Collection[int]) -> bool:
    # The file is sorted by visitor, so few of its groups need to be read.
    wanted = np.array(sorted(visitors), np.int64)
    reader = arrow.parquet.ParquetFile(BytesIO(file))
    for group in range(reader.metadata.num_row_groups):
        found = reader.metadata.row_group(group).column(1).statistics
        low, high = np.searchsorted(wanted, found.min), np.searchsorted(wanted, found.max, "right")
        if low < high:
            column = reader.read_row_group(group, ["visitor"])["visitor"].to_numpy()
            if np.isin(wanted[low:high], column).any():
                return True
    return False


def rows_in(file: bytes) -> int:
    """Count the rows of the file."""
    count: int = pyarrow().parquet.ParquetFile(BytesIO(file)).metadata.num_rows
    return count


def _table(arrow: Any, file: bytes) -> Any:
    try:
        return arrow.parquet.read_table(BytesIO(file))
    except arrow.ArrowInvalid as error:
        raise CorruptArtefact(f"a file of the training table cannot be read: {error}") from error


def _written(arrow: Any, table: Any, *, sort: bool = False) -> bytes:
    file = BytesIO()
    if sort:
        table = table.sort_by([("visitor", "ascending"), ("offset", "ascending")])
    arrow.parquet.write_table(
        table, file, compression="zstd", row_group_size=_ROWS_PER_GROUP, store_schema=False
    )
    return file.getvalue()


def _schema(arrow: Any) -> Any:
    text, number = arrow.string(), arrow.int64()
    needed = {"offset": number, "visitor": number, "item": text, "event_type": text}
    fields = [
        arrow.field(name, kind, nullable=False)
        for name, kind in (needed | {"sent_at": number}).items()
    ]
    return arrow.schema([*fields, ("value", arrow.float64()), ("told", text)])


def pyarrow() -> Any:
    """The library; InvalidInput if it is not installed."""
    with needing("out-of-core", "counting out of core needs pyarrow", "training_engine"):
        import pyarrow  # noqa: PLC0415 - an extra
        import pyarrow.parquet  # noqa: PLC0415
    return pyarrow


class TextColumn(NamedTuple):
    """A column of texts; where there is none, the code is that of the last name, which is None."""

    names: list[str | None]
    codes: Array

    def take(self, rows: Array) -> "TextColumn":
        """Some of the rows, by their places."""
        return self._replace(codes=self.codes[rows])


class LogBatch(NamedTuple):
    """Some rows of the table; `value` is NaN where an event has none."""

    offset: Array
    visitor: Array
    time: Array
    value: Array
    item: TextColumn
    event_type: TextColumn
    facets: TextColumn

    def take(self, rows: Array) -> "LogBatch":
        """Some of the rows, by their places."""
        columns: Any = (one.take(rows) for one in self)
        return LogBatch(*columns)


class LogSource(msgspec.Struct, frozen=True):
    """The rows of the table with `after < offset <= through` and `since <= sent_at <= until`."""

    files: Sequence[str]
    """Files of the training table."""
    after: int
    through: int
    until: int
    """Milliseconds since 1970, as is `since`."""
    since: int | None = None
    # The sessions whose users are known by now: `visitor` of the session, and `user`.
    sessions: Columns = msgspec.field(default_factory=dict)

    def batches(self) -> Iterator[LogBatch]:
        """The rows, each with the user of its session in place of that."""
        keys, users = self._owners()
        for file in self.files:
            reader = pyarrow().parquet.ParquetFile(file, read_dictionary=_TEXTS)
            for batch in reader.iter_batches(_BATCH):
                offset, time, visitor = (
                    batch[name].to_numpy() for name in ("offset", "sent_at", "visitor")
                )
                chosen = (offset > self.after) & (offset <= self.through) & (time <= self.until)
                if self.since is not None:
                    chosen &= time >= self.since
                if len(keys):
                    place = np.minimum(np.searchsorted(keys, visitor), len(keys) - 1)
                    visitor = np.where(keys[place] == visitor, users[place], visitor)
                value = batch["value"].to_numpy(zero_copy_only=False)
                texts = (_texts(batch[name]) for name in _TEXTS)
                yield LogBatch(offset, visitor, time, value, *texts).take(np.flatnonzero(chosen))

    def _owners(self) -> tuple[Array, Array]:
        if not self.sessions:
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        order = np.argsort(self.sessions["visitor"])
        return self.sessions["visitor"][order], self.sessions["user"][order]

    def sample(self, most: int) -> Columns:
        """The rows of the first visitors, at least one, who have at most `most`; in log order."""
        counts = np.zeros(_BUCKETS, np.int64)
        for batch in self.batches():
            counts += np.bincount(_bucket(batch.visitor), minlength=_BUCKETS)
        last = int(np.searchsorted(np.cumsum(counts), most, side="right"))
        if counts[:last].sum() == 0:  # then the first visitor has more
            last = max(last, int((counts > 0).argmax()))
        parts = [
            {
                name: np.array(one.names, object)[one.codes] if isinstance(one, TextColumn) else one
                for name, one in zip(LogBatch._fields, chosen, strict=True)
            }
            for batch in self.batches()
            for chosen in (batch.take(np.flatnonzero(_bucket(batch.visitor) <= last)),)
        ]
        if not parts:
            return {name: np.zeros(0, np.int64) for name in LogBatch._fields}
        found = {name: np.concatenate([one[name] for one in parts]) for name in LogBatch._fields}
        visitors, times = np.unique(found["visitor"], return_counts=True)
        count = max(int(np.searchsorted(np.cumsum(times), most, side="right")), 1)
        rows = np.flatnonzero(np.isin(found["visitor"], visitors[:count]))
        rows = rows[np.argsort(found["offset"][rows], kind="stable")]
        return {name: column[rows] for name, column in found.items()}


def _texts(column: Any) -> TextColumn:
    codes = column.indices.fill_null(-1).to_numpy()
    return TextColumn([*column.dictionary.to_pylist(), None], codes)


def _bucket(visitor: Array) -> Array:
    # The upper bits of a digest's number are as good as drawn.
    return (visitor >> 48) + _BUCKETS // 2
