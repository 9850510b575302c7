"""The training table: the log as Parquet files in the archive's store, for engines out of core."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from itertools import groupby
from urllib.parse import quote
from uuid import uuid4

import msgspec
import numpy as np
from msgspec.structs import replace

from pawsonalize.app.adapters import Adapters
from pawsonalize.core.database.database import Database
from pawsonalize.core.errors import CorruptArtefact, NotFound
from pawsonalize.core.event import (
    SESSION,
    USER,
    digest,
    digest_number,
    owning_group,
    visitor_digest,
    visitor_key,
)
from pawsonalize.core.objects.store import ObjectStore
from pawsonalize.core.times import DAY
from pawsonalize.events.erasure.erased_archive import NamedErasure, Watch
from pawsonalize.events.erasure.erasing import Purge
from pawsonalize.events.erasure.tables import ErasedLookup, Trouble
from pawsonalize.events.tables.training_files import (
    LogRow,
    TableState,
    TrainingFile,
    TrainingFiles,
    groups_with_files,
)
from pawsonalize.recommend.query import FacetReader, as_properties
from pawsonalize.resources.job_table import Progress, silent
from pawsonalize_out_of_core.files import (
    FOLDER,
    Columns,
    TableRow,
    joined,
    rows_in,
    table_file,
    without,
)

ROWS_PER_FILE = 250_000
"""At most so many events in one file as it is written, which is about 6 MB."""
_JOINED_ROWS = 2_000_000  # at most so many in one file of several
_SMALL_FILES = 24  # of a day, before they are joined


# Files are never changed. A new one is written first, one transaction puts it into the table in
# place of others, and only then are those deleted. So whoever reads the table finds each event
# once.
class TrainingTable(msgspec.Struct, frozen=True):
    """The training table of one dataset group."""

    files: TrainingFiles
    objects: ObjectStore
    dataset_group: str
    reader: FacetReader
    erased: ErasedLookup
    rows_per_file: int = ROWS_PER_FILE
    small_files: int = _SMALL_FILES

    def bring_up_to(self, through: int, progress: Progress = silent) -> list[TrainingFile]:
        """Write what the log has up to the offset; return the files that hold events of it."""
        # All is written anew if the schemas name other facets than before. Several processes may do
        # so at once.
        state = self._begun()
        start = max(state.through, self.files.left_through())
        while state.through < through:
            state = self._written(state, through)
            progress(max(state.through - start, 0), max(through - start, 0))
        self._delete(self.files.drop_intents())
        self._let_go()
        self._join()
        return [one for one in self.files.files() if one.first <= through]

    def sessions(self) -> Columns:
        """Return the users of sessions, as digests: `visitor` of the session, and `user`."""
        pairs = [
            (visitor_number(None, session), visitor_number(user, None))
            for batch in self.files.sessions()
            for session, user in batch
        ]
        columns = np.array(pairs, np.int64).reshape(-1, 2).T
        return {"visitor": columns[0], "user": columns[1]} if pairs else {}

    def purge(self, visitors: set[int], through: int) -> None:
        """Take these visitors' events up to the offset out of all files."""
        self._delete(self.files.drop_intents())
        again = True
        while again:  # for a file was joined with others meanwhile
            found = [self._purged(one, visitors, through) for one in self.files.files()]
            again = not all(found)

    def remove(self) -> None:
        """Remove all of it; the next training writes it anew."""
        self._delete(self.files.remove())

    def tidy(self, *, in_use: bool) -> None:
        """Let go what left the log."""
        # All goes if it is not used, or if the log has changed.
        if in_use and self.files.state() is not None:
            self._let_go()
        else:
            self.remove()

    def _purged(self, file: TrainingFile, visitors: set[int], through: int) -> bool:
        if file.first > through:
            return True
        before = self.objects.get(file.key)
        after = without(before, visitors, through)
        if after is before:
            return True
        new = [] if after is None else [self._put(file, _day_in(file.key), after)]
        return self._replaced([file], new)

    def _begun(self) -> TableState:
        known, facets = self.files.state(), sorted(self.reader.context.items())
        names = "\n".join(f"{name}={facet}" for name, facet in facets)
        reader = blake2b(names.encode(), digest_size=8).hexdigest()
        if known is not None and known.reader == reader:
            return known
        self._delete(self.files.begin(reader))
        return TableState(0, reader)

    def _written(self, state: TableState, through: int) -> TableState:
        rows, end = self._next(state.through, through)
        new = []
        if rows:
            file = TrainingFile("", rows[0].offset, rows[-1].offset, len(rows))
            day = _day(rows[0].received_at)
            new = [self._put(file, day, table_file([self._row(row) for row in rows]))]
        keys = [one.key for one in new]
        if not self.files.add(state, keys, end):  # somebody else wrote the same
            self._delete(self.files.drop_intents(keys))
            return self._begun()
        for visitor, erased_through in self._erased(rows).items():
            self.purge({visitor}, erased_through)
        return TableState(end, state.reader)

    def _next(self, after: int, through: int) -> tuple[list[LogRow], int]:
        rows: list[LogRow] = []
        for batch in self.files.rows(after, through):
            for row in batch:
                # A file is of one day, as the files of a day are joined.
                is_of_another_day = rows and _day(row.received_at) != _day(rows[0].received_at)
                if is_of_another_day or len(rows) >= self.rows_per_file:
                    return rows, rows[-1].offset
                rows.append(row)
        return rows, through

    def _row(self, row: LogRow) -> TableRow:
        facets = None
        if row.properties is not None:
            facets = as_properties(self.reader.of_properties(row.properties))
        visitor = visitor_number(row.user_id, row.session_id)
        kind, sent_at, value = row.event_type, row.sent_at, row.value
        return TableRow(row.offset, visitor, row.item_id, kind, sent_at, value, facets)

    def _erased(self, rows: Sequence[LogRow]) -> dict[int, int]:
        """Return erased visitors among the rows, with their offset."""
        # An erasure that is noted later finds the file in the table. Nearly always nobody was
        # erased, and nothing has to be hashed.
        if not rows or self.erased.last_noted() < 0:
            return {}
        group, hashes = owning_group(self.dataset_group), {}
        for user, session in {(row.user_id, row.session_id) for row in rows}:
            kind, name = (SESSION, session or "") if user is None else (USER, user)
            hashes[visitor_digest(kind, name)] = visitor_number(user, session)
        covering = self.erased.find_covering(hashes).through
        return {hashes[one]: through for (of, one), through in covering.items() if of == group}

    def _let_go(self) -> None:
        left = self.files.left_through()
        gone = [one for one in self.files.files() if one.last <= left]
        if gone:
            self._replaced(gone, [])

    def _join(self) -> None:
        for day, files in groupby(self.files.files(), lambda one: _day_in(one.key)):
            small = [one for one in files if one.rows < _JOINED_ROWS]
            if len(small) > self.small_files:
                for parts in _packed(small):
                    data = joined([self.objects.get(one.key) for one in parts])
                    file = TrainingFile("", parts[0].first, parts[-1].last, 0)
                    self._replaced(parts, [self._put(file, day, data)])

    def _put(self, file: TrainingFile, day: str, data: bytes) -> TrainingFile:
        # Nobody else writes a file of that name, so whoever gives up may delete it.
        name = f"{file.first:020}-{file.last:020}-{uuid4().hex}"
        key = f"{FOLDER}/{quote(self.dataset_group, safe='')}/{day}/{name}.parquet"
        file = replace(file, key=key, rows=rows_in(data))
        self.files.intend(file)
        self.objects.replace(key, data)
        return file

    def _replaced(self, gone: Sequence[TrainingFile], new: Sequence[TrainingFile]) -> bool:
        keys, new_keys = [one.key for one in gone], [one.key for one in new]
        done = self.files.replace(keys, new_keys)
        self._delete(keys if done else self.files.drop_intents(new_keys))
        return done

    def _delete(self, keys: Sequence[str]) -> None:
        for key in keys:
            self.objects.delete(key)


def visitor_number(user_id: str | None, session_id: str | None) -> int:
    """The number of an event's visitor: its user, or its session if it names no user."""
    return digest_number(digest(visitor_key(user_id, session_id)))


def _packed(files: Sequence[TrainingFile]) -> list[list[TrainingFile]]:
    packs: list[list[TrainingFile]] = [[]]
    for file in files:
        if sum(one.rows for one in packs[-1]) + file.rows > _JOINED_ROWS:
            packs.append([])
        packs[-1].append(file)
    return [pack for pack in packs if len(pack) > 1]


def _day(moment: int) -> str:
    return datetime.fromtimestamp(moment // DAY * DAY / 1000, UTC).strftime("%Y-%m-%d")


def _day_in(key: str) -> str:
    return key.rsplit("/", 2)[-2]


def upkeep(
    adapters: Adapters, _stopped: Callable[[], bool]
) -> Iterator[tuple[str, Callable[[int], object]]]:
    """Yield what takes out of the training tables what left the log."""

    def tidy(_now: int) -> None:
        for _, table in _tables(adapters):
            table.tidy(in_use=adapters.reading is not None)

    yield "tidy training tables", tidy


def purge_of(adapters: Adapters) -> Purge:
    """Return what takes erased visitors out of all files, and yields what cannot be read."""

    def purge(erasures: Sequence[NamedErasure], watch: Watch) -> Iterator[Trouble]:
        for group, table in _tables(adapters):
            about = [one for one in erasures if one.erasure.dataset_group == owning_group(group)]
            if not about:
                continue
            try:
                if adapters.reading is None:  # not used: the next training that does writes it anew
                    table.remove()
                for one in about if adapters.reading is not None else ():
                    users = {visitor_number(user, None) for user in one.names.users}
                    sessions = {visitor_number(None, session) for session in one.names.sessions}
                    table.purge(users | sessions, one.erasure.through)
            except (CorruptArtefact, NotFound) as error:
                table.remove()  # it is made of the log, so it can be made anew
                yield Trouble(f"training table of {group}", f"{error.message}: it is made anew")
            watch("training table changed")

    return purge


PURGES = (purge_of,)


def _tables(adapters: Adapters) -> Iterator[tuple[str, TrainingTable]]:
    for group in groups_with_files(adapters.database):
        reader = FacetReader.of(adapters.catalogue.of(group))
        yield group, training_table(adapters.database, adapters.objects, group, reader)


def training_table(
    database: Database, objects: ObjectStore, dataset_group: str, reader: FacetReader
) -> TrainingTable:
    """The training table of a dataset group."""
    files = TrainingFiles(database, dataset_group)
    return TrainingTable(files, objects, dataset_group, reader, ErasedLookup(database))
