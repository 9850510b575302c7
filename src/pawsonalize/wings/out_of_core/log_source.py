"""The rows of the training table's files as batches of columns."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pawsonalize.wings.out_of_core.files import Columns, pyarrow

_BATCH = 65_536
_BUCKETS = 2**16
_TEXTS = ("item", "event_type", "told")
Array = NDArray[Any]


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
    told: TextColumn

    def take(self, rows: Array) -> "LogBatch":
        """Some of the rows, by their places."""
        columns: Any = (one.take(rows) for one in self)
        return LogBatch(*columns)


@dataclass(frozen=True, slots=True)
class LogSource:
    """The rows of the table with `after < offset <= through` and `since <= sent_at <= until`."""

    files: Sequence[str]
    """Files of the training table."""
    after: int
    through: int
    until: int
    """Milliseconds since 1970, as is `since`."""
    since: int | None = None
    sessions: Columns = field(default_factory=dict)
    """The sessions whose users are known by now: `visitor` of the session, and `user`."""

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
    return (visitor >> 48) + _BUCKETS // 2
