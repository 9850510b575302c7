"""The rows of the training table as coded columns, in parts by visitor that memory holds."""

from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from pawsonalize.animals.tables.catalogue import Catalogue
from pawsonalize.core.event import DISLIKE, RETURN, EventTypes, plain_spelling
from pawsonalize.core.times import DAY
from pawsonalize.models.recipes.data import Facet, FacetColumn, Facets, Returned, TrainingData
from pawsonalize.recommend.query import FacetReader, item_attributes
from pawsonalize.resources.solutions import TrainingSelection
from pawsonalize.train import training_data
from pawsonalize.train.kept_rows import NameCodes
from pawsonalize_out_of_core.files import Array, LogBatch, LogSource, TextColumn, pyarrow
from pawsonalize_out_of_core.training_table import visitor_number

_AGAINST = (RETURN, DISLIKE)
_BYTES_PER_ROW = 320  # that counting takes, with a margin
_OF_USERS = 2  # the last of the sources of facets
_HUGE = float(np.finfo(np.float32).max)
_ROW = np.dtype(
    [
        ("visitor", "<i8"),
        ("time", "<i8"),
        ("offset", "<i8"),
        ("value", "<f4"),
        ("item", "<i4"),
        ("kind", "<i4"),
        ("facets", "<i4"),
    ]
)
_FacetTuple = tuple[Facet, ...]


# A part is a file in a scratch folder. Visitors are numbers made of digests, and each part has
# those between two of these numbers, so parts come in the order of visitors.
class _Met:
    """Codes of names, with the first offset of each and how often it is met."""

    def __init__(self) -> None:
        self._codes: dict[str | None, int] = {}
        self.first = self.times = np.zeros(0, np.int64)

    def __len__(self) -> int:
        return len(self._codes)

    def codes(self, texts: TextColumn, offset: Array) -> Array:
        number = self._codes.setdefault
        codes = np.array([number(one, len(self._codes)) for one in texts.names])[texts.codes]
        grown = len(self._codes) - len(self.first)
        self.first = np.append(self.first, np.full(grown, np.iinfo(np.int64).max))
        np.minimum.at(self.first, codes, offset)
        times = np.bincount(codes, minlength=len(self._codes))
        self.times = np.append(self.times, np.zeros(grown, np.int64)) + times
        return codes

    def in_order(self) -> Iterator[tuple[str | None, int]]:
        """Yield the names and their codes in the order of the log."""
        names = tuple(self._codes)
        for code in np.argsort(self.first, kind="stable").tolist():
            if self.times[code]:
                yield names[code], code


class _Split:
    """First pass: the selected rows go to the parts, with codes of this pass."""

    def __init__(
        self, source: LogSource, selection: TrainingSelection, types: EventTypes, files: list[Path]
    ) -> None:
        self.types, self.items, self.facets = _Met(), _Met(), _Met()
        self.against: list[Array] = []
        """Offset, whether it is a return or a dislike, item and time; shape (4, rows)."""
        self._thresholds = {
            plain_spelling(one.event_type): one.value_threshold for one in selection.events
        }
        self._meaning = types.meaning
        for file in files:
            file.write_bytes(b"")
        for batch in source.batches():
            rows = self._choices(batch.take(np.flatnonzero(self._selected(batch))))
            # Digests are spread evenly, so parts of equal width are about as large.
            share = (rows["visitor"].astype(np.float64) + 2.0**63) * (len(files) / 2.0**64)
            part = np.clip(share.astype(np.int64), 0, len(files) - 1)
            for number in np.unique(part).tolist():
                with files[number].open("ab") as end:  # there may be more parts than open files
                    rows[part == number].tofile(end)

    def _selected(self, batch: LogBatch) -> Array:
        least = [self._least(name) for name in batch.event_type.names]
        value = np.where(np.isnan(batch.value), -np.inf, batch.value)
        return np.asarray(value >= np.array(least)[batch.event_type.codes])

    def _least(self, name: str | None) -> float:
        if not self._thresholds:
            return -np.inf
        least = self._thresholds.get(plain_spelling(name or ""), np.nan)
        return -np.inf if least is None else least

    def _choices(self, batch: LogBatch) -> Array:
        kind = self.types.codes(batch.event_type, batch.offset)
        item = self.items.codes(batch.item, batch.offset)
        meanings = [self._meaning(name or "") for name in batch.event_type.names]
        against = np.array([_AGAINST.index(one) if one in _AGAINST else -1 for one in meanings])
        which = against[batch.event_type.codes]
        spoken = np.flatnonzero(which >= 0)
        columns = (batch.offset, which, item, batch.time)
        self.against.append(np.stack([one[spoken] for one in columns]).astype(np.int64))
        chosen = np.flatnonzero(which < 0)
        left, rows = batch.take(chosen), np.empty(len(chosen), _ROW)
        rows["visitor"], rows["time"], rows["offset"] = left.visitor, left.time, left.offset
        # As float32 larger ones would be infinite.
        rows["value"] = np.clip(left.value, -_HUGE, _HUGE)
        rows["item"], rows["kind"] = item[chosen], kind[chosen]
        rows["facets"] = self.facets.codes(left.facets, left.offset)
        return rows


class _UsersFacets(msgspec.Struct, frozen=True):
    """Stored facets by code, and the code of each user who has any, in order."""

    facets: list[_FacetTuple]
    visitor: Array
    own: Array

    @classmethod
    def of(cls, catalogue: Catalogue, reader: FacetReader) -> "_UsersFacets":
        codes: dict[_FacetTuple, int] = {}
        visitor, own = array("q"), array("q")
        for user in catalogue.users():
            facets = tuple(reader.of_user(user.attributes))
            if facets:
                visitor.append(visitor_number(user.user_id, None))
                own.append(codes.setdefault(facets, len(codes)))
        return cls(list(codes), np.asarray(visitor), np.asarray(own))

    def places(self, visitors: Array) -> Array:
        """The place of each visitor among the users, -1 for one of whom nothing is stored."""
        if not len(self.visitor):
            return np.full(len(visitors), -1)
        order = np.argsort(self.visitor)
        at = np.minimum(np.searchsorted(self.visitor[order], visitors), len(order) - 1)
        return np.where(self.visitor[order][at] == visitors, order[at], -1)


def _against(split: "_Split", item: Array) -> list[Returned]:
    """The rows that speak against items, in the order of time, for each kind of `_AGAINST`."""
    rows = np.concatenate([np.zeros((4, 0), np.int64), *split.against], axis=1)
    rows = rows[:, np.argsort(rows[0], kind="stable")]
    kinds = (rows[:, rows[1] == which] for which in range(len(_AGAINST)))
    return [Returned(item[those[2]], those[3]) for those in kinds]


class LogParts(msgspec.Struct, frozen=True):
    """The selected rows in parts, and all that training data have beside them."""

    files: Sequence[Path]
    whole: TrainingData
    """The data without a row."""
    times: NDArray[np.int64]
    """The first and the last moment of each day of each part."""
    n_events: int
    _kinds: Array
    _items: Array
    _columns: Sequence[FacetColumn]
    _users: _UsersFacets

    @classmethod
    def of(
        cls,
        source: LogSource,
        selection: TrainingSelection,
        as_of: int,
        catalogue: Catalogue,
        types: EventTypes,
        folder: Path,
        megabytes: int,
    ) -> "LogParts":
        """Read the source, and write parts that can be counted within so many megabytes."""
        if selection.max_age_days is not None:
            source = replace(source, since=int(np.ceil(as_of - selection.max_age_days * DAY)))
        rows = sum(pyarrow().parquet.ParquetFile(one).metadata.num_rows for one in source.files)
        folder.mkdir(parents=True, exist_ok=True)
        count = max(1, -(-rows * _BYTES_PER_ROW // (megabytes * 1_000_000)))
        files = [folder / f"{number}.rows" for number in range(count)]
        split = _Split(source, selection, types, files)
        _keep_within(files, selection, len(split.items))
        kinds, items = NameCodes(), NameCodes()
        kind, item = np.zeros(len(split.types), np.int16), np.zeros(len(split.items), np.int32)
        for name, code in split.types.in_order():
            if (meaning := types.meaning(name or "")) not in _AGAINST:
                kind[code] = training_data.type_code(kinds, meaning)
        for one in catalogue.items():
            items[one.item_id]  # numbers it
        for name, code in split.items.in_order():
            item[code] = items[name or ""]
        returned, disliked = _against(split, item)
        stays = training_data.stays_of(catalogue, as_of, items)
        reader = FacetReader.of(catalogue)
        users = _UsersFacets.of(catalogue, reader)
        histories = _Histories.of(files, split.facets, reader, users)
        columns = histories.columns
        whole = TrainingData(
            user=np.zeros(0, np.int32),
            item=np.zeros(0, np.int32),
            event_type=np.zeros(0, np.int16),
            value=np.zeros(0, np.float32),
            time=np.zeros(0, np.int64),
            n_users=histories.n_users,
            item_ids=tuple(items),
            event_types=tuple(kinds),
            attributes=item_attributes(tuple(items), catalogue),
            as_of=as_of,
            stays=stays,
            facets=Facets(
                tuple(one.name for one in columns),
                tuple(one.values for one in columns),
                np.zeros((0, len(columns)), np.int32),
            ),
            returned=returned,
            disliked=disliked,
        )
        n_events = sum(file.stat().st_size for file in files) // _ROW.itemsize
        return cls(files, whole, histories.times, n_events, kind, item, columns, users)

    def data(self, part: int) -> TrainingData:
        """The rows of a part; its users are numbered from 0 on."""
        rows = np.fromfile(self.files[part], _ROW)
        first = _first_of_users(rows)
        near = np.where(first, -1, np.roll(rows["facets"], 1))
        own = self._users.places(rows["visitor"][first])[np.cumsum(first) - 1]
        own = np.append(self._users.own, -1)[own]
        sources = (rows["facets"], near, own)
        codes = [one.codes[sources[one.source]] for one in self._columns]
        facets = replace(self.whole.facets, codes=np.stack(codes, axis=1)) if codes else None
        return replace(
            self.whole,
            user=(np.cumsum(first) - 1).astype(np.int32),
            item=self._items[rows["item"]],
            event_type=self._kinds[rows["kind"]],
            value=rows["value"].copy(),
            time=rows["time"].copy(),
            n_users=int(first.sum()),
            visitors=rows["visitor"][first].astype(np.int64),
            facets=facets or self.whole.facets,
        )


def _keep_within(files: Sequence[Path], selection: TrainingSelection, n_items: int) -> None:
    """Leave rows out by the selection's percentiles."""
    # These are of the users of all parts.
    if selection.user_percentiles == selection.item_percentiles == (0.0, 1.0):
        return
    lengths, times = [], np.zeros(n_items, np.int64)
    for file in files:
        rows = np.fromfile(file, _ROW)
        lengths.append(np.unique(rows["visitor"], return_counts=True)[1])
        times += np.bincount(rows["item"], minlength=n_items)
    of_item = training_data.within(times, selection.item_percentiles)
    of_users = training_data.within(np.concatenate(lengths), selection.user_percentiles)
    ends = np.cumsum(list(map(len, lengths)))
    for file, of_user in zip(files, np.split(of_users, ends[:-1]), strict=True):
        rows = np.fromfile(file, _ROW)
        user = np.unique(rows["visitor"], return_inverse=True)[1]
        rows[of_user[user] & of_item[rows["item"]]].tofile(file)


class _Histories(msgspec.Struct, frozen=True):
    """Second pass: the rows of each part in the order of visitors, then of time."""

    n_users: int
    times: NDArray[np.int64]
    columns: Sequence[FacetColumn]

    @classmethod
    def of(
        cls, files: Sequence[Path], met: _Met, reader: FacetReader, users: _UsersFacets
    ) -> "_Histories":
        numbers: dict[_FacetTuple, int] = {}
        code = np.full(len(met) + 1, -1)  # the last one stands for no event
        for text, place in met.in_order():
            code[place] = numbers.setdefault(tuple(reader.of_properties(text)), len(numbers))
        present, near = np.zeros(len(numbers), np.int64), np.zeros(len(numbers), np.int64)
        own = np.zeros(len(users.facets), np.int64)
        newest = np.full(len(users.facets), len(users.own))
        n_users, times = 0, [np.zeros(0, np.int64)]
        for file in files:
            rows = np.fromfile(file, _ROW)
            rows = rows[np.lexsort((rows["offset"], rows["time"], rows["visitor"]))]
            rows["facets"] = code[rows["facets"]]
            rows.tofile(file)
            first = _first_of_users(rows)
            n_users += int(first.sum())
            moments = np.sort(rows["time"])
            begin = np.unique(moments // DAY, return_index=True)[1]
            times += [moments[begin], moments[np.append(begin, len(moments))[1:] - 1]]
            present += np.bincount(rows["facets"], minlength=len(present))
            before = np.roll(rows["facets"], 1)[~first]
            near += np.bincount(before, minlength=len(near))
            stored = users.places(rows["visitor"][first])
            lengths = np.diff(np.append(np.flatnonzero(first), len(rows)))
            known = stored >= 0
            np.add.at(own, users.own[stored[known]], lengths[known])
            np.minimum.at(newest, users.own[stored[known]], stored[known])
        order = np.argsort(newest, kind="stable")
        order = order[: int((newest < len(users.own)).sum())]
        distinct = [users.facets[one] for one in order.tolist()]
        facets = training_data.event_facet_columns(
            list(numbers), distinct, (present, near, own[order])
        )
        columns = [_of_stored(one, order, len(users.facets)) for one in facets]
        return cls(n_users, np.unique(np.concatenate(times)), columns)


def _of_stored(column: FacetColumn, met: Array, stored: int) -> FacetColumn:
    if column.source != _OF_USERS:
        return column
    # Codes of users are those that are stored, not the order in which they are met.
    codes = np.full(stored + 1, -1, np.int32)
    codes[met] = column.codes[:-1]
    return replace(column, codes=codes)


def _first_of_users(rows: Array) -> NDArray[np.bool_]:
    first = np.ones(len(rows), np.bool_)
    first[1:] = rows["visitor"][1:] != rows["visitor"][:-1]
    return first
