"""The rows that a training read, kept beside its model: so a refresh reads only what is new."""

from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from math import isnan
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from pawsonalize.artefacts.base import ArtefactStore
from pawsonalize.domain.errors import CorruptArtefact, NotFound
from pawsonalize.domain.events import owning_group, visitor_key
from pawsonalize.engine.serving.facets import FacetReader, as_properties
from pawsonalize.engine.serving.served import RefreshedArtefacts, RefreshedCounts
from pawsonalize.engine.upkeep.erased_archive import Watch
from pawsonalize.engine.upkeep.erasing import NamedErasure
from pawsonalize.kinds.job_table import Progress, silent
from pawsonalize.kinds.registry import Registry
from pawsonalize.kinds.solutions import Solution, SolutionVersion
from pawsonalize.recipes.artefact import check_codes, pack_strings, take, unpack_strings
from pawsonalize.recipes.data import Arrays
from pawsonalize.storage.erasures import Erasure, Trouble
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
        keys, digests, items, types, texts = (dict[str, int]() for _ in range(5))
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
        """These rows, then the new ones; `bound` has users of sessions that became known since."""
        keys = _codes(self.visitors)
        owner = np.arange(len(keys))
        for session, user in bound.items():
            code = keys.get(digest(visitor_key(None, session)))
            if code is not None:
                owner[code] = keys.setdefault(digest(visitor_key(user, None)), len(keys))
        items, types, texts = map(_codes, (self.item_ids, self.event_types, self.facet_texts))
        return KeptRows(  # the codes first: they give numbers to the new names
            visitor=_joined(owner[self.visitor], keys, new.visitors, new.visitor),
            item=_joined(self.item, items, new.item_ids, new.item),
            event_type=_joined(self.event_type, types, new.event_types, new.event_type),
            facets=_joined(self.facets, texts, new.facet_texts, new.facets),
            visitors=tuple(keys),
            item_ids=tuple(items),
            event_types=tuple(types),
            facet_texts=tuple(texts),
            time=np.concatenate([self.time, new.time]),
            value=np.concatenate([self.value, new.value]),
        )

    def newest(self, count: int) -> "KeptRows":
        """The last so many rows, and the names that they use."""
        if count >= len(self):
            return self
        return self._selected(slice(len(self) - count, len(self)))

    def without(self, visitors: Collection[str]) -> "KeptRows":
        """The rows but for those of these visitors, named by digests."""
        gone = np.array([name in visitors for name in self.visitors], np.bool_)
        return self._selected(~gone[self.visitor] if len(gone) else slice(None))

    def _selected(self, rows: slice | NDArray[np.bool_]) -> "KeptRows":
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
        """True if the array `VISITORS` of an artefact has one of the visitors."""
        numbers = np.array([int(one, 16) for one in wanted], np.uint64)
        return bool(np.isin(numbers, visitors).any())

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> "KeptRows | None":
        """Rebuild from an artefact's arrays; None where it keeps none, else CorruptArtefact."""
        own = {k.removeprefix(_PRE): array for k, array in arrays.items() if k.startswith(_PRE)}
        if not own:
            return None
        time = take(own, "time", np.int64, (None,))
        rows = cls(
            visitors=tuple(
                f"{one:016x}" for one in take(own, "visitors", np.uint64, (None,)).tolist()
            ),
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
    keys = [visitor_key(user, None) for user in users]
    keys += [visitor_key(None, session) for session in sessions]
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


def _codes(names: Iterable[str]) -> _Codes:
    return {name: code for code, name in enumerate(names)}


def _joined(
    old: NDArray[np.integer], codes: _Codes, names: Iterable[str], new: NDArray[np.int32]
) -> NDArray[np.int32]:
    """The old codes, then the new ones in `codes`, where names without a code get one."""
    found = [codes.setdefault(name, len(codes)) for name in names]
    return np.concatenate([old, np.array([*found, -1])[new]]).astype(np.int32)  # -1 stays -1


_END_OF_TIME = 2**62


def rows_through(
    log: EventLog,
    reader: FacetReader,
    through: int,
    progress: Progress = silent,
    *,
    kept: KeptRows | None = None,
    after: int = 0,
) -> KeptRows:
    """The rows up to the offset; if `kept` has those up to `after`, only the rest is read."""
    new = KeptRows.of(_rows(log, 0 if kept is None else after, through, progress), reader)
    if kept is None:
        return new
    rows = kept.plus(new, log.bound(after, through))
    if not (log.forgotten_through() or log.left_early()):
        return rows
    return rows.newest(log.rows_through(through))  # those that left the log are the oldest


def _rows(log: EventLog, after: int, through: int, progress: Progress) -> Iterator[TrainingRow]:
    done, there = 0, through - max(after, log.forgotten_through())
    # Events sent later than the cut as well: a refresh as of a later moment counts them.
    for batch in log.training_rows(through, _END_OF_TIME, after=after):
        yield from batch
        done += len(batch)
        progress(min(done, there), there)


_MARK = ".erased-"


@dataclass(frozen=True, slots=True)
class ErasedRows:
    """The artefacts of all versions, served ones and old ones."""

    registry: Registry
    artefacts: ArtefactStore
    now: Callable[[], int]

    def purge(self, erasures: Sequence[NamedErasure], watch: Watch) -> Iterator[Trouble]:
        """Write artefacts again without visitors erased since; yields what hinders it."""
        versions = [  # each with the dataset group that it learned from
            (version, owning_group(solution.data_group))
            for solution in list(self.registry.all(Solution))
            for version in list(self.registry.all(SolutionVersion, parent=solution.name))
        ]
        in_training = {one.name for one, _ in versions if not one.status.is_settled}

        def is_dead(location: str) -> bool:
            """Only trainings and this method itself, which runs once at a time, write rows."""
            return not RefreshedCounts.is_at(location) and _owner(location) not in in_training

        self.artefacts.sweep(is_dead)
        for version, group in versions:
            about = [one for one in erasures if _concerns(one.erasure, version, group)]
            if about and not version.status.is_settled:
                yield Trouble(version.name, "its training must end first", waits=True)
            elif about:
                yield from self._purged(version, about, watch)
        self._forget_counts(versions, erasures)  # the next refresh counts anew
        self._remove_unowned({version.name: version for version, _ in versions}, erasures)
        for location in filter(is_dead, self.artefacts.unfinished()):
            yield Trouble(location, "its objects are not deleted yet", waits=True)

    def _purged(
        self, version: SolutionVersion, erasures: Sequence[NamedErasure], watch: Watch
    ) -> Iterator[Trouble]:
        before, gone = version.artefact, _digests(erasures)
        if before is None:
            return
        try:
            if not self._holds(before, gone):
                return
            card, arrays = self.artefacts.load(before)
            rows = KeptRows.from_arrays(arrays)
        except CorruptArtefact as error:
            yield Trouble(version.name, f"{error.message}: bring it back from a copy, or delete it")
            return
        assert rows is not None
        # The same for every attempt of these erasures; not too long for a folder.
        ids = " ".join(one.erasure.erasure_id for one in erasures)
        mark = blake2b(ids.encode(), digest_size=8).hexdigest()
        after = f"{version.name}{_MARK}{mark}"
        self.artefacts.remove(after)  # of an attempt that ended here
        self.artefacts.save(after, card, {**arrays, **rows.without(gone).arrays()})
        watch("model written")
        try:
            self.registry.change(
                SolutionVersion,
                version.name,
                lambda newest: msgspec.structs.replace(newest, artefact=after),
                self.now(),
            )
            watch("model changed")
        except NotFound:  # somebody deleted it meanwhile
            self.artefacts.remove(after)
        self.artefacts.remove(before)

    def _holds(self, location: str, visitors: set[str]) -> bool:
        kept = self.artefacts.array(location, VISITORS)
        return kept is not None and KeptRows.hold(kept, visitors)

    def _forget_counts(
        self, versions: Sequence[tuple[SolutionVersion, str]], erasures: Sequence[NamedErasure]
    ) -> None:
        folds = RefreshedArtefacts(self.artefacts)
        for version, group in versions:
            about = [one.erasure for one in erasures if one.erasure.dataset_group == group]
            for counts in folds.of(version.name) if about else ():
                before = counts.cut.as_of
                if any(one.tables_at is None or before <= one.tables_at for one in about):
                    self.artefacts.remove(counts.location)

    def _remove_unowned(
        self, versions: dict[str, SolutionVersion], erasures: Sequence[NamedErasure]
    ) -> None:
        """Remove what no version points at: a process died before it could say so, or remove it."""
        gone, owned = _digests(erasures), {version.artefact for version in versions.values()}
        for location in self.artefacts.locations(""):
            version = versions.get(_owner(location))
            is_written = version is not None and not version.status.is_settled
            if location not in owned and not is_written and self._holds(location, gone):
                newest = version and self.registry.find(SolutionVersion, version.name)
                if newest is None or newest.artefact != location:
                    self.artefacts.remove(location)


def _owner(location: str) -> str:
    return location.partition(_MARK)[0]


def _concerns(erasure: Erasure, version: SolutionVersion, group: str) -> bool:
    """True if the version may have read rows that are erased; it may know newer ones as well."""
    if erasure.dataset_group != group:
        return False
    tables_at = erasure.tables_at
    is_later = tables_at is not None and version.created_at > tables_at
    return version.log_offset <= erasure.through or not is_later


def _digests(erasures: Sequence[NamedErasure]) -> set[str]:
    return {digest for one in erasures for digest in digests(one.names.users, one.names.sessions)}
