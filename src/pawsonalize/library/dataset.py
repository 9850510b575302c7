"""Interactions from files and data frames of others, as the columns that recipes train on."""

import csv
import re
from array import array
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from io import StringIO
from itertools import chain, count, islice
from pathlib import Path
from typing import Any, TextIO

import msgspec
import narwhals as nw
import numpy as np

from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.event import DEFAULT_EVENT_TYPE, plain_spelling
from pawsonalize.core.times import EARLIEST, FIRST_MILLISECONDS, LATEST, SECOND, parse_moment
from pawsonalize.events.foreign_logs import ROLES
from pawsonalize.models.recipes.data import Floats, Int32s, Ints, TrainingData
from pawsonalize.recommend.query import code_attributes, values_of

ColumnNames = Mapping[str, str] | Sequence[str]
"""Names of a file's columns and what each is: `{"userId": "user"}`; or what the columns of a file
without a header are, in their order: `["user", "item", "value", "time"]`."""

_BATCH = 10_000
_CHARACTERS = 1 << 18
_BINS = 5
_FEW_NUMBERS = 20  # of a numeric column with more values, bins are made
_PROSE = 5  # words of a mean text, from which it is prose
_COMMON_WORD = 0.3  # share of the items whose text has a word, from which it says nothing
_WORDS = re.compile(r"[^\W\d_]{3,}")


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


_MEANINGS = tuple(ROLES)
_USUAL = {_plain(ours): role for role, ours in ROLES.items()} | {role: role for role in ROLES}


class Dataset(msgspec.Struct, frozen=True):
    """Interactions of users with items. Made by `from_csv` and `from_frame`."""

    events: TrainingData
    """The columns that a model is fitted on, sorted by user and time; users and items are codes."""
    user_ids: tuple[str, ...]
    """The id of each code of `events.user`, sorted."""
    unused: tuple[str, ...] = ()
    """Columns of the interactions that were not taken for anything."""

    @property
    def item_ids(self) -> tuple[str, ...]:
        """The id of each code of `events.item`: items of the catalogue or of an event, sorted."""
        return self.events.item_ids

    @classmethod
    def from_csv(
        cls,
        path: str | Path,
        columns: ColumnNames | None = None,
        *,
        items: object = None,
        separator: str = ",",
    ) -> "Dataset":
        """Read a file of interactions, an interaction a row.

        Each column is a `user`, `item`, `time` (epoch seconds, milliseconds or ISO 8601), `type`
        of event or `value`, as `columns` says, or else as its name says (`USER_ID`, `userId`).
        Without a time rows count in their order. `items` has a column of item ids and others
        of attributes: a file, a data frame or a mapping of lists. InvalidInput names the row,
        counted from 1, of a value that cannot be read.
        """
        place = Path(path).name
        with Path(path).open(encoding="utf-8-sig", newline="") as file:
            if columns is None or isinstance(columns, Mapping):
                names = next(_split_lines(file, separator), [])
                meanings = _meanings(names, columns, place)
            else:
                names = [*columns]
                meanings = _meanings(
                    names, {name: name for name in names if name in _MEANINGS}, place
                )
            made = _Columns()
            for first, batch in _read_columns(file, separator, len(names), place):
                made.add({what: batch[at] for what, at in meanings.items()}, first, place)
        return made.dataset(items, _unused(names, meanings))

    @classmethod
    def from_frame(
        cls, frame: Any, columns: Mapping[str, str] | None = None, *, items: Any = None
    ) -> "Dataset":
        """Read a frame of pandas, Polars or Arrow; columns and `items` as those of `from_csv`."""
        table = nw.from_native(frame, eager_only=True)
        meanings = _meanings(table.columns, columns, "the frame")
        series = {what: table[table.columns[at]] for what, at in meanings.items()}
        made = _Columns()
        for start in range(0, len(table), _BATCH):
            batch = {what: _values(one[start : start + _BATCH]) for what, one in series.items()}
            made.add(batch, start + 1, "the frame")
        return made.dataset(items, _unused(table.columns, meanings))

    def __len__(self) -> int:
        return len(self.events)

    def __repr__(self) -> str:
        unused = f", without {', '.join(self.unused)}" if self.unused else ""
        return (
            f"Dataset of {len(self):,} interactions of {len(self.user_ids):,} users with"
            f" {len(self.item_ids):,} items{unused}"
        )

    def history(self, user: str) -> slice:
        """Return the rows of a user in `events`, oldest first; InvalidInput for an unknown one."""
        code = bisect_left(self.user_ids, user)
        if code == len(self.user_ids) or self.user_ids[code] != user:
            raise InvalidInput(
                f"user {user!r} has no interaction in these data: for a new visitor use"
                " recommend_after([items])",
                field="users",
            )
        start, end = np.searchsorted(self.events.user, (code, code + 1))
        return slice(int(start), int(end))


class _Columns:
    """Collects batches of columns, ids as codes in the order in which they came."""

    def __init__(self) -> None:
        self._codes = {name: defaultdict[str, int](count().__next__) for name in _MEANINGS[:2]}
        self._types = defaultdict[str, int](count().__next__)
        self._rows: dict[str, list[Any]] = {name: [] for name in _MEANINGS}
        self._count = 0

    def add(self, batch: Mapping[str, Sequence[Any]], first: int, place: str) -> None:
        """Add a batch, whose first row has that number."""
        rows = len(batch["user"])
        for name, codes in self._codes.items():
            texts = batch[name]
            if (types := {*map(type, texts)}) != {str}:
                texts = [*map(str if types == {int} else _id, texts)]
            if "" in texts:
                row = first + list(texts).index("")
                raise InvalidInput(f"{place}, row {row}: {name} is empty", field=name)
            self._rows[name].append(np.fromiter(map(codes.__getitem__, texts), np.int32, rows))
        if "time" in batch:
            self._rows["time"].append(_moments(batch["time"], first, place))
        else:
            order = np.arange(self._count, self._count + rows, dtype=np.int64)
            self._rows["time"].append(EARLIEST + order * SECOND)
        kinds = [plain_spelling(str(kind)) for kind in batch.get("type", ())]
        kinds = kinds or [DEFAULT_EVENT_TYPE] * rows
        self._rows["type"].append(np.fromiter(map(self._types.__getitem__, kinds), np.int16, rows))
        values = batch.get("value")
        self._rows["value"].append(
            np.full(rows, np.nan) if values is None else _numbers(values, "value", first, place)
        )
        self._count += rows

    def dataset(self, items: Any, unused: tuple[str, ...]) -> Dataset:
        """Return all rows, sorted by user and time; rows of one moment stay in their order."""
        described = {} if items is None else _described(items)
        for item in next(iter(described.values()), {}):
            _ = self._codes["item"][item]  # one that nobody touched gets a code as well
        columns = {
            name: np.concatenate(rows) if rows else np.zeros(0, np.int64)
            for name, rows in self._rows.items()
        }
        users, user = _sorted_codes(self._codes["user"], columns["user"])
        ids, codes = _sorted_codes(self._codes["item"], columns["item"])
        time = columns["time"]
        order = np.lexsort((time, user))
        attributes = {
            name: [values.get(one, []) for one in ids] for name, values in described.items()
        }
        events = TrainingData(
            user=user[order],
            item=codes[order],
            event_type=columns["type"][order].astype(np.int16),
            value=columns["value"][order].astype(np.float32),
            time=time[order],
            n_users=len(users),
            item_ids=ids,
            event_types=tuple(self._types) or (DEFAULT_EVENT_TYPE,),
            attributes=code_attributes(ids, attributes),
            as_of=int(time.max(initial=EARLIEST)),
        )
        return Dataset(events, users, unused)


def _sorted_codes(codes: Mapping[str, int], column: Ints) -> tuple[tuple[str, ...], Int32s]:
    """The ids sorted, and the column in codes of that order."""
    ids = tuple(sorted(codes))
    rank = np.empty(len(ids), np.int32)
    rank[np.fromiter(map(codes.__getitem__, ids), np.int64, len(ids))] = np.arange(len(ids))
    return ids, rank[column]


def _read_columns(
    file: TextIO, separator: str, width: int, place: str
) -> Iterator[tuple[int, Sequence[Sequence[str]]]]:
    """Yield the number of a first row, from 1, and the columns of it and some after it."""
    first = 1
    while text := file.read(_CHARACTERS) + file.readline():
        plain = text.replace("\r\n", "\n").removesuffix("\n")
        lines = plain.split("\n")
        counts = {line.count(separator) for line in lines}
        if '"' in plain or "\r" in plain or counts != {width - 1}:
            break
        # Four times as fast as the csv module, which all that is not so plain goes through.
        values = separator.join(lines).split(separator)
        yield first, [values[at::width] for at in range(width)]
        first += len(lines)
    rows = _split_lines(chain(StringIO(text, newline=""), file), separator)
    while batch := [*islice(filter(None, rows), _BATCH)]:  # an empty line is no row
        if {*map(len, batch)} != {width}:
            at, row = next(one for one in enumerate(batch) if len(one[1]) != width)
            raise InvalidInput(
                f"{place}, row {first + at}: {len(row)} values for {width} columns:"
                f" is {separator!r} the separator?"
            )
        yield first, [*zip(*batch, strict=True)]
        first += len(batch)


def _split_lines(file: Iterable[str], separator: str) -> Iterator[list[str]]:
    if len(separator) == 1:
        return csv.reader(file, delimiter=separator)
    return (line.rstrip("\r\n").split(separator) for line in file)


def _meanings(
    names: Sequence[str], given: Mapping[str, str] | None, place: str
) -> Mapping[str, int]:
    """The position of each meaning's column."""
    for name, meaning in (given or {}).items():
        if name not in names or meaning not in _MEANINGS:
            raise InvalidInput(
                f"{place} has the columns {', '.join(names)}, and no {name!r} that is a"
                f" {meaning!r}: a column is a {', '.join(_MEANINGS)}",
                field="columns",
            )
    meanings: dict[str, int] = {}
    for at, name in enumerate(names):
        usual = _USUAL.get(_plain(name)) if given is None else given.get(name)
        if usual in meanings:
            raise InvalidInput(f"{place} has two columns that are a {usual}", field="columns")
        if usual:
            meanings[usual] = at
    for missing in ("user", "item"):
        if missing not in meanings:
            raise InvalidInput(
                f"{place} has no column that is a {missing}: name it, as columns="
                f'{{"{names[0] if names else "userId"}": "{missing}", …}}',
                field="columns",
            )
    return meanings


def _unused(names: Sequence[str], meanings: Mapping[str, int]) -> tuple[str, ...]:
    return tuple(name for at, name in enumerate(names) if at not in meanings.values())


def _values(series: nw.Series[Any]) -> list[Any]:
    if series.dtype == nw.Date:
        series = series.cast(nw.Datetime("ms"))
    moments = series.dt.timestamp("ms") if series.dtype == nw.Datetime else series
    return list(moments.to_list())


def _id(value: object) -> str:
    if isinstance(value, float):  # a column of numbers with gaps
        return f"{value:.0f}" if value.is_integer() else "" if value != value else str(value)  # noqa: PLR0124
    return "" if value is None else str(value)


def _numbers(values: Sequence[Any], name: str, first: int, place: str) -> Floats:
    """The numbers, NaN where there is none."""
    given = [np.nan if value in {"", None} else value for value in values]
    try:
        return np.array(given, np.float64)
    except ValueError:
        for row, value in enumerate(given, first):
            try:
                float(value)
            except ValueError:
                raise InvalidInput(
                    f"{place}, row {row}: {name} is {value!r:.60}, not a number", field=name
                ) from None
        raise


def _moments(values: Sequence[object], first: int, place: str) -> Ints:
    """The moments in milliseconds since 1970."""
    try:
        numbers = np.array(values, np.float64)
    except (ValueError, TypeError):
        numbers = np.full(len(values), np.nan)
    moments = np.where(numbers < FIRST_MILLISECONDS, numbers * SECOND, numbers)
    if ((moments >= EARLIEST) & (moments < LATEST)).all():
        return np.round(moments).astype(np.int64)
    read = array("q")
    for row, value in enumerate(values, first):
        try:
            read.append(parse_moment(value, "time"))
        except InvalidInput as error:
            raise InvalidInput(
                f"{place}, row {row}: {error.message}, and is {value!r:.60}", field="time"
            ) from error
    return np.asarray(read, np.int64)


def _described(items: object) -> dict[str, dict[str, list[str]]]:
    """The values of each attribute of items, by the items' ids."""
    columns = _columns_of(items)
    ids_column = next((name for name in columns if _USUAL.get(_plain(name)) == "item"), None)
    if ids_column is None:
        raise InvalidInput(
            f"the items have no column `item` or `ITEM_ID`, but {', '.join(columns)}", field="items"
        )
    ids = [*map(_id, columns[ids_column])]
    for item, times in Counter(ids).items():
        if not item or times > 1:
            raise InvalidInput(
                f"the items, row {ids.index(item) + 1}: the id {item!r} stands {times} times, and"
                " each row needs one of its own",
                field="items",
            )
    return {
        name: dict(zip(ids, _attribute(values), strict=True))
        for name, values in columns.items()
        if name != ids_column or len(columns) == 1
    }


def _columns_of(items: Any) -> Mapping[str, Sequence[Any]]:
    if isinstance(items, Mapping):
        return items
    if isinstance(items, str | Path):
        with Path(items).open(encoding="utf-8-sig", newline="") as file:
            names, *rows = [*filter(None, csv.reader(file))] or [[]]
        for number, row in enumerate(rows, 1):
            if len(row) != len(names):
                raise InvalidInput(
                    f"{Path(items).name}, row {number}: {len(row)} values for {len(names)} columns",
                    field="items",
                )
        return {name: [row[at] for row in rows] for at, name in enumerate(names)}
    table = nw.from_native(items, eager_only=True)
    return {name: table[name].to_list() for name in table.columns}


def _attribute(values: Sequence[object]) -> list[list[str]]:
    """The values of one attribute: bins of numbers, words of texts, else as `a|b` says."""
    texts = [*map(_id, values)]
    try:
        numbers = np.array([text or np.nan for text in texts], np.float64)
    except ValueError:
        numbers = np.zeros(0)
    if len(set(texts)) > _FEW_NUMBERS and len(numbers):
        edges = np.unique(np.nanquantile(numbers, np.arange(1, _BINS) / _BINS))
        labels = [f"below {edge:g}" for edge in edges] + [f"from {edges[-1]:g}"]
        bins = np.searchsorted(edges, numbers, side="right").tolist()
        return [[labels[at]] if text else [] for at, text in zip(bins, texts, strict=True)]
    words = [list(dict.fromkeys(_WORDS.findall(text.lower()))) for text in texts]
    if sum(map(len, words)) <= _PROSE * len(texts):
        return [values_of(text) for text in texts]
    times = Counter(word for each in words for word in each)
    telling = {word for word, n in times.items() if 1 < n < _COMMON_WORD * len(texts)}
    # The commonest of those that tell something: rarer words are shared with hardly anybody.
    return [sorted(telling.intersection(each), key=lambda w: (-times[w], w))[:8] for each in words]
