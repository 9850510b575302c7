"""The rows that a training read, kept beside its model: so a refresh reads only what is new."""

from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from math import isnan

import msgspec
import numpy as np
from numpy.typing import NDArray

from pawsonalize.core.errors import CorruptArtefact, NotFound
from pawsonalize.core.event import digest, owning_group, visitor_key
from pawsonalize.events.erasure.erased_archive import NamedErasure, Watch
from pawsonalize.events.erasure.tables import Erasure, Trouble
from pawsonalize.events.tables.event_log import EventLog, TrainingRow
from pawsonalize.models.recipes.artefact import check_codes, pack_strings, take, unpack_strings
from pawsonalize.models.recipes.data import Array, Arrays
from pawsonalize.models.recipes.imported_scores import OWNER, owner_digest, without_owners
from pawsonalize.recommend.live_model import RefreshedArtefacts, RefreshedCounts
from pawsonalize.recommend.query import FacetReader, as_properties
from pawsonalize.resources.artefacts import ArtefactStore
from pawsonalize.resources.job_table import Progress, silent
from pawsonalize.resources.registry import Registry
from pawsonalize.resources.solutions import Solution, SolutionVersion

_BATCH = 50_000
_PRE = "rows."
_VISITORS, _FACETS = "visitors", "said"
VISITORS = f"{_PRE}{_VISITORS}"
# Arrays of names and of codes, as artefacts have them: of visitors, items, event types, facets.
_CODED = (
    (_VISITORS, "visitor"),
    ("item_ids", "item"),
    ("event_types", "event_type"),
    ("told", _FACETS),
)


class NameCodes(dict[str, int]):
    """Numbers names in the order in which they are first looked up."""

    def __missing__(self, name: str) -> int:
        return self.setdefault(name, len(self))


class Coded(msgspec.Struct, frozen=True):
    """A column of names, as codes that number them; -1 is no name."""

    names: tuple[str, ...]
    codes: NDArray[np.int32]

    def read(self, rows: NDArray[np.intp]) -> list[object]:
        """The names of these rows, None for none."""
        names = (*self.names, None)  # -1 reads the last
        return [names[code] for code in self.codes[rows].tolist()]

    def plus(self, new: "Coded", renamed: Mapping[str, str]) -> "Coded":
        """Return this column, some of its names renamed, then the new one."""
        known = NameCodes()
        parts = [
            np.array([*(known[renamed.get(name, name)] for name in one.names), -1])[one.codes]
            for one in (self, new)
        ]
        return Coded(tuple(known), np.concatenate(parts).astype(np.int32))

    def selected(self, rows: slice | NDArray[np.bool_]) -> "Coded":
        """These rows, and the names that they use, in the order in which they are used."""
        codes = self.codes[rows]
        used, first = np.unique(codes[codes >= 0], return_index=True)
        used = used[np.argsort(first)]
        new = np.full(len(self.names) + 1, -1, np.int32)
        new[used] = np.arange(len(used), dtype=np.int32)
        return Coded(tuple(self.names[code] for code in used.tolist()), new[codes])


# `names` are of visitors, items, event types and facets. `value` is NaN for an event without one.
class KeptRows(msgspec.Struct, frozen=True):
    """Rows of the log in its order, as columns, also those sent later than the cut."""

    names: tuple[Coded, ...]
    time: NDArray[np.int64]
    value: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.time)

    @classmethod
    def of(cls, rows: Iterable[TrainingRow], reader: FacetReader) -> "KeptRows":
        """These rows, with the facets that the reader knows."""
        names = tuple(NameCodes() for _ in _CODED)
        codes = tuple(array("i") for _ in _CODED)
        visitor, item, event_type, facets = codes
        digests, items, types, texts = names
        time, value, keys = array("q"), array("d"), dict[str, int]()
        for key, item_id, kind, sent_at, amount, properties in rows:
            # Visitors are named by digests of their keys, so that an artefact holds no ids.
            code = keys.get(key)
            if code is None:  # a digest takes longer than a look
                code = keys[key] = digests[digest(key)]
            visitor.append(code)
            item.append(items[item_id])
            event_type.append(types[kind])
            time.append(sent_at)
            value.append(np.nan if amount is None else amount)
            # Of the properties only the facets are kept, which may say less about a person.
            text = None if properties is None else as_properties(reader.of_properties(properties))
            facets.append(-1 if text is None else texts[text])
        coded = (Coded(tuple(of), np.asarray(one)) for of, one in zip(names, codes, strict=True))
        return cls(tuple(coded), np.asarray(time), np.asarray(value))

    def plus(self, new: "KeptRows", bound: Mapping[str, str]) -> "KeptRows":
        """These rows, then the new ones; `bound` has users of sessions that became known since."""
        users = {
            digest(visitor_key(None, session)): digest(visitor_key(user, None))
            for session, user in bound.items()
        }
        both = zip(self.names, new.names, (users, {}, {}, {}), strict=True)
        return KeptRows(
            tuple(old.plus(added, renamed) for old, added, renamed in both),
            np.concatenate([self.time, new.time]),
            np.concatenate([self.value, new.value]),
        )

    def newest(self, count: int) -> "KeptRows":
        """The last so many rows, and the names that they use."""
        return self if count >= len(self) else self._selected(slice(len(self) - count, len(self)))

    def without(self, visitors: Collection[str]) -> "KeptRows":
        """The rows but for those of these visitors, named by digests."""
        column = self.names[0]
        gone = np.array([name in visitors for name in column.names], np.bool_)
        return self._selected(~gone[column.codes] if len(gone) else slice(None))

    def _selected(self, rows: slice | NDArray[np.bool_]) -> "KeptRows":
        names = tuple(column.selected(rows) for column in self.names)
        return KeptRows(names, self.time[rows], self.value[rows])

    def sent_by(self, moment: int) -> Iterator[TrainingRow]:
        """The rows with `sent_at <= moment`, each visitor under their digest."""
        there = np.flatnonzero(self.time <= moment)
        for start in range(0, len(there), _BATCH):
            part = there[start : start + _BATCH]
            *named, facets = (column.read(part) for column in self.names)
            value = [None if isnan(value) else value for value in self.value[part].tolist()]
            yield from zip(*named, self.time[part].tolist(), value, facets, strict=True)

    def arrays(self) -> Arrays:
        """The rows as plain arrays, named `rows.…`."""
        arrays: dict[str, Array] = {"time": self.time, "value": self.value}
        for column, (names, codes) in zip(self.names, _CODED, strict=True):
            arrays[codes] = column.codes
            if names == _VISITORS:
                # A digest as a number takes half the room of its text.
                arrays[names] = np.array([int(one, 16) for one in column.names], np.uint64)
            else:
                arrays |= pack_strings(names, column.names)
        return {f"{_PRE}{name}": array for name, array in arrays.items()}

    @staticmethod
    def hold(visitors: Array, wanted: Collection[str]) -> bool:
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

        def column(names: str, name: str) -> Coded:
            if names == _VISITORS:
                numbers = take(own, names, np.uint64, (None,)).tolist()
                found = tuple(f"{number:016x}" for number in numbers)
            else:
                found = unpack_strings(names, own)
            codes = take(own, name, np.int32, time.shape)
            # All but its facets is known of every event.
            check_codes(
                f"{_PRE}{name}", codes[codes >= 0] if name == _FACETS else codes, len(found)
            )
            return Coded(found, codes)

        coded = tuple(column(*names) for names in _CODED)
        if len(set(coded[0].names)) < len(coded[0].names):
            raise CorruptArtefact("array 'rows.visitors' names a visitor twice")
        return cls(coded, time, take(own, "value", np.float64, time.shape))


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
    # If nothing left the log, nothing has to leave the rows.
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


class ErasedRows(msgspec.Struct, frozen=True):
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
            # Only trainings and this method itself, which runs once at a time, write rows.
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
            if not self._holds(before, erasures):
                return
            card, arrays = self.artefacts.load(before)
            rows = KeptRows.from_arrays(arrays)
            kept = {**without_owners(arrays, _owners(erasures))}
            if rows is not None:
                kept |= rows.without(gone).arrays()
        except CorruptArtefact as error:
            yield Trouble(version.name, f"{error.message}: bring it back from a copy, or delete it")
            return
        # The same for every attempt of these erasures; not too long for a folder.
        ids = " ".join(one.erasure.erasure_id for one in erasures)
        mark = blake2b(ids.encode(), digest_size=8).hexdigest()
        after = f"{version.name}{_MARK}{mark}"
        self.artefacts.remove(after)  # of an attempt that ended here
        self.artefacts.save(after, card, kept)
        watch("model written")
        # The version changes before the old artefact goes, so a crash between leaves both.
        try:
            self.registry.assign(SolutionVersion, version.name, self.now(), artefact=after)
            watch("model changed")
        except NotFound:  # somebody deleted it meanwhile
            self.artefacts.remove(after)
        self.artefacts.remove(before)

    def _holds(self, location: str, erasures: Sequence[NamedErasure]) -> bool:
        rows, scores = (self.artefacts.array(location, name) for name in (VISITORS, OWNER))
        if rows is not None and KeptRows.hold(rows, _digests(erasures)):
            return True
        return scores is not None and bool(np.isin(scores, _owners(erasures)).any())

    def _forget_counts(
        self, versions: Sequence[tuple[SolutionVersion, str]], erasures: Sequence[NamedErasure]
    ) -> None:
        folds = RefreshedArtefacts(self.artefacts)
        for version, group in versions:
            named = [one for one in erasures if one.erasure.dataset_group == group]
            about = [one.erasure for one in named]
            for counts in folds.of(version.name) if about else ():
                before = counts.cut.as_of
                # Counts made after the tables were purged know nothing of the visitors, but for
                # scores that were imported.
                if any(
                    one.tables_at is None or before <= one.tables_at for one in about
                ) or self._holds(counts.location, named):
                    self.artefacts.remove(counts.location)

    def _remove_unowned(
        self, versions: dict[str, SolutionVersion], erasures: Sequence[NamedErasure]
    ) -> None:
        # A process may have died before its version pointed at what it wrote, or before it removed
        # what no version points at any more.
        owned = {version.artefact for version in versions.values()}
        for location in self.artefacts.locations(""):
            version = versions.get(_owner(location))
            is_written = version is not None and not version.status.is_settled
            if location not in owned and not is_written and self._holds(location, erasures):
                # Read again, as a training may have ended since the versions were listed.
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


def _owners(erasures: Sequence[NamedErasure]) -> list[int]:
    return [owner_digest(name) for one in erasures for name in one.names.all]


def _digests(erasures: Sequence[NamedErasure]) -> set[str]:
    keys = {visitor_key(user, None) for one in erasures for user in one.names.users}
    keys |= {visitor_key(None, session) for one in erasures for session in one.names.sessions}
    return set(map(digest, keys))
