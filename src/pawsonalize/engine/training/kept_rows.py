"""The rows that a training read, kept beside its model: so a refresh reads only what is new."""

from array import array
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from math import isnan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawsonalize.domain.errors import CorruptArtefact
from pawsonalize.domain.events import visitor_key
from pawsonalize.engine.serving.facets import FacetReader, as_properties
from pawsonalize.kinds.job_table import Progress, silent
from pawsonalize.recipes.artefact import check_codes, pack_strings, take, unpack_strings
from pawsonalize.recipes.data import Arrays
from pawsonalize.storage.events.event_log import EventLog, TrainingRow

_BATCH = 50_000
_PRE = "rows."
VISITORS = f"{_PRE}visitors"
_Codes = dict[str, int]


@dataclass(frozen=True, slots=True)
class KeptRows:
    """Rows of the log in its order, as columns of codes, also those sent later than the cut.

    `visitors` name each visitor by a digest of their key, so an artefact holds no ids.
    `facet_texts` has the facets of events; no other properties are kept. The columns have equal
    length. `value` is NaN for an event without one, `facets` is -1 for an event without facets.
    """

    visitors: tuple[str, ...]
    item_ids: tuple[str, ...]
    event_types: tuple[str, ...]
    facet_texts: tuple[str, ...]
    visitor: NDArray[np.int32]
    item: NDArray[np.int32]
    event_type: NDArray[np.int32]
    time: NDArray[np.int64]
    value: NDArray[np.float64]
    facets: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.time)

    @classmethod
    def of(cls, rows: Iterable[TrainingRow], reader: FacetReader) -> "KeptRows":
        """These rows, with the facets that the reader knows."""
        columns = (array("i"), array("i"), array("i"), array("q"), array("d"), array("i"))
        visitor, item, event_type, time, value, facets = columns
        keys: _Codes = {}
        digests: _Codes = {}
        items: _Codes = {}
        types: _Codes = {}
        texts: _Codes = {}
        for key, item_id, kind, sent_at, amount, properties in rows:
            code = keys.get(key)
            if code is None:
                code = keys[key] = digests.setdefault(digest(key), len(digests))
            visitor.append(code)
            item.append(items.setdefault(item_id, len(items)))
            event_type.append(types.setdefault(kind, len(types)))
            time.append(sent_at)
            value.append(np.nan if amount is None else amount)
            text = None if properties is None else as_properties(reader.of_properties(properties))
            facets.append(-1 if text is None else texts.setdefault(text, len(texts)))
        arrays = (np.asarray(column) for column in columns)
        return cls(tuple(digests), tuple(items), tuple(types), tuple(texts), *arrays)

    def plus(self, new: "KeptRows", bound: Mapping[str, str]) -> "KeptRows":
        """These rows, then the new ones of the log.

        `bound` has the users of sessions that became known since: their rows are the user's.
        """
        keys = _codes(self.visitors)
        owner = np.arange(len(keys))
        for session, user in bound.items():
            code = keys.get(digest(visitor_key(None, session)))
            if code is not None:
                owner[code] = keys.setdefault(digest(visitor_key(user, None)), len(keys))
        items, types, texts = map(_codes, (self.item_ids, self.event_types, self.facet_texts))
        visitor = _joined(owner[self.visitor], _added(keys, new.visitors)[new.visitor])
        item = _joined(self.item, _added(items, new.item_ids)[new.item])
        event_type = _joined(self.event_type, _added(types, new.event_types)[new.event_type])
        facets = np.append(_added(texts, new.facet_texts), -1)[new.facets]  # -1 stays -1: no facets
        return KeptRows(
            visitors=tuple(keys),
            item_ids=tuple(items),
            event_types=tuple(types),
            facet_texts=tuple(texts),
            visitor=visitor,
            item=item,
            event_type=event_type,
            time=np.concatenate([self.time, new.time]),
            value=np.concatenate([self.value, new.value]),
            facets=_joined(self.facets, facets),
        )

    def newest(self, count: int) -> "KeptRows":
        """The last so many rows, and the names that they use."""
        if count >= len(self):
            return self
        return self._selected(slice(len(self) - count, len(self)))

    def without(self, visitors: Collection[str]) -> "KeptRows":
        """The rows but for those of these visitors, named by digests: as if they had never been."""
        gone = np.array([name in visitors for name in self.visitors], np.bool_)
        return self._selected(~gone[self.visitor] if len(gone) else slice(None))

    def _selected(self, rows: slice | NDArray[np.bool_]) -> "KeptRows":
        """Some of the rows, and the names that they use."""
        visitors, visitor = _recoded(self.visitors, self.visitor[rows])
        item_ids, item = _recoded(self.item_ids, self.item[rows])
        event_types, event_type = _recoded(self.event_types, self.event_type[rows])
        texts, facets = _recoded(self.facet_texts, self.facets[rows])
        columns = (visitor, item, event_type, self.time[rows], self.value[rows], facets)
        return KeptRows(visitors, item_ids, event_types, texts, *columns)

    def sent_by(self, moment: int) -> Iterator[TrainingRow]:
        """The rows with `sent_at <= moment`, each visitor under their digest."""
        there = np.flatnonzero(self.time <= moment)
        for start in range(0, len(there), _BATCH):
            part = there[start : start + _BATCH]
            columns = (self.visitor, self.item, self.event_type, self.time, self.value, self.facets)
            for visitor, item, kind, time, value, facets in zip(
                *(column[part].tolist() for column in columns), strict=True
            ):
                yield (
                    self.visitors[visitor],
                    self.item_ids[item],
                    self.event_types[kind],
                    time,
                    None if isnan(value) else value,
                    None if facets < 0 else self.facet_texts[facets],
                )

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The rows as plain arrays, named `rows.…`."""
        digests = np.array([int(digest, 16) for digest in self.visitors], np.uint64)
        arrays = {
            **pack_strings("item_ids", self.item_ids),
            **pack_strings("event_types", self.event_types),
            **pack_strings("told", self.facet_texts),
            "visitors": digests,
            "visitor": self.visitor,
            "item": self.item,
            "event_type": self.event_type,
            "time": self.time,
            "value": self.value,
            "said": self.facets,
        }
        return {f"{_PRE}{name}": array for name, array in arrays.items()}

    @staticmethod
    def hold(visitors: NDArray[Any], wanted: Collection[str]) -> bool:
        """Whether rows have one of the visitors, by the array `VISITORS` of their artefact."""
        numbers = np.array([int(one, 16) for one in wanted], np.uint64)
        return bool(np.isin(numbers, visitors).any())

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> "KeptRows | None":
        """Rebuild from an artefact's arrays; None where it keeps none, as those of old do.

        CorruptArtefact when they do not fit together.
        """
        own = {k.removeprefix(_PRE): array for k, array in arrays.items() if k.startswith(_PRE)}
        if not own:
            return None
        time = take(own, "time", np.int64, (None,))
        rows = cls(
            visitors=tuple(map(_text, take(own, "visitors", np.uint64, (None,)).tolist())),
            item_ids=unpack_strings("item_ids", own),
            event_types=unpack_strings("event_types", own),
            facet_texts=unpack_strings("told", own),
            visitor=take(own, "visitor", np.int32, time.shape),
            item=take(own, "item", np.int32, time.shape),
            event_type=take(own, "event_type", np.int32, time.shape),
            time=time,
            value=take(own, "value", np.float64, time.shape),
            facets=take(own, "said", np.int32, time.shape),
        )
        check_codes("rows.visitor", rows.visitor, len(rows.visitors))
        check_codes("rows.item", rows.item, len(rows.item_ids))
        check_codes("rows.event_type", rows.event_type, len(rows.event_types))
        check_codes("rows.said", rows.facets[rows.facets >= 0], len(rows.facet_texts))
        if len(set(rows.visitors)) < len(rows.visitors):
            raise CorruptArtefact("array 'rows.visitors' names a visitor twice")
        return rows


def digest(key: str) -> str:
    """The name of a visitor among the rows, by their key."""
    # 64 bits: among ten million visitors two share one with a probability of 3 in a million.
    return blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def digest_number(digest: str) -> int:
    """The digest as a whole number of 64 bits, which may be below 0."""
    return int.from_bytes(bytes.fromhex(digest), "big", signed=True)


def digests(users: Iterable[str], sessions: Iterable[str]) -> set[str]:
    """The names of visitors among the rows, by their ids."""
    keys = [
        *(visitor_key(user, None) for user in users),
        *(visitor_key(None, session) for session in sessions),
    ]
    return set(map(digest, keys))


def _recoded(
    names: tuple[str, ...], codes: NDArray[np.int32]
) -> tuple[tuple[str, ...], NDArray[np.int32]]:
    """The names that the codes use, in the order in which they are used; -1 stays -1."""
    used, first = np.unique(codes[codes >= 0], return_index=True)
    used = used[np.argsort(first)]
    new = np.full(len(names) + 1, -1, np.int32)
    new[used] = np.arange(len(used), dtype=np.int32)
    return tuple(names[code] for code in used.tolist()), new[codes]


def _text(digest: int) -> str:
    return f"{digest:016x}"


def _codes(names: Iterable[str]) -> _Codes:
    return {name: code for code, name in enumerate(names)}


def _joined(old: NDArray[np.integer], new: NDArray[np.integer]) -> NDArray[np.int32]:
    return np.concatenate([old, new]).astype(np.int32)


def _added(codes: _Codes, names: Iterable[str]) -> NDArray[np.int64]:
    """The codes of the names; those that have none yet get one."""
    return np.array([codes.setdefault(name, len(codes)) for name in names], np.int64)


_END_OF_TIME = 2**62


def rows_through(
    log: EventLog, reader: FacetReader, through: int, progress: Progress = silent
) -> KeptRows:
    """All rows up to the offset, future events included: a later moment may see them."""
    return KeptRows.of(_rows(log, 0, through, progress), reader)


def rows_since(
    kept: KeptRows,
    after: int,
    log: EventLog,
    reader: FacetReader,
    through: int,
    progress: Progress = silent,
) -> KeptRows:
    """The same, if all rows up to the offset `after` are kept: only the rest is read."""
    new = KeptRows.of(_rows(log, after, through, progress), reader)
    return kept.plus(new, log.bound(after, through))


def _rows(log: EventLog, after: int, through: int, progress: Progress) -> Iterator[TrainingRow]:
    done, there = 0, through - max(after, log.forgotten_through())
    for batch in log.training_rows(through, _END_OF_TIME, after=after):
        yield from batch
        done += len(batch)
        progress(min(done, there), there)
