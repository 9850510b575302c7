"""A training's data counted by an engine: what `data_of` gathers in memory, as counts."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, replace

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from pawsonalize.domain.event_types import DISLIKE, RETURN, EventTypes, spelled
from pawsonalize.domain.times import DAY
from pawsonalize.engine.serving.facets import FacetReader, item_attributes
from pawsonalize.engine.training.training_data import NameCodes, stays_of, told_columns, type_code
from pawsonalize.kinds.solutions import TrainingSelection
from pawsonalize.recipes.contract import Returned
from pawsonalize.recipes.counts.counting import LogSummary
from pawsonalize.recipes.counts.facet_lifts import counted_facets
from pawsonalize.recipes.counts.weights import LogClock
from pawsonalize.recipes.facets import Facet, FacetColumn
from pawsonalize.recipes.fingerprint import sealed
from pawsonalize.storage.catalogue import Catalogue
from pawsonalize.wings.out_of_core.base import CountingEngine, Frame
from pawsonalize.wings.out_of_core.engine_counts import EngineCounts
from pawsonalize.wings.out_of_core.expressions import col
from pawsonalize.wings.out_of_core.marks import SOURCES, sums_of_marks
from pawsonalize.wings.out_of_core.rows import ChosenRows, LogRows, LogSource, SentType
from pawsonalize.wings.out_of_core.training_table import visitor_number

_AGAINST = {RETURN: -1, DISLIKE: -2}
_Told = tuple[Facet, ...]


@dataclass(frozen=True, slots=True)
class OutOfCore:
    """Counts rows of the training table, with what the catalogue knows of items and users."""

    engine: CountingEngine
    catalogue: Catalogue
    event_types: EventTypes

    def counts(self, source: LogSource, selection: TrainingSelection, as_of: int) -> EngineCounts:
        """The counts of the source's rows, as far as they are selected."""
        if selection.max_age_days is not None:
            source = replace(source, since=int(np.ceil(as_of - selection.max_age_days * DAY)))
        users = _UsersFacets.of(self.catalogue, FacetReader.of(self.catalogue))
        source = replace(source, users=users.columns)
        rows, kinds = self._chosen(LogRows(self.engine, source), selection)
        items = NameCodes()
        for name in (*(item.item_id for item in self.catalogue.items()), *rows.items()):
            items.number(name)
        said, told, times_told = self._told(rows)
        stored = rows.stored({name: code for code, name in enumerate(items.names)}, said)
        returned, disliked = self._against(rows, items)
        stays = stays_of(self.catalogue, as_of, items.number)
        times = stored.times()
        histories = stored.histories(LogClock.of(times, as_of), int(times.max(initial=0)))
        columns = self._columns(histories, told, times_told, users)
        names = tuple(one.name for one in columns)
        values = tuple(one.values for one in columns)
        attributes = item_attributes(items.names, self.catalogue)
        n_users = _visitors(self.engine, histories)
        marks = sums_of_marks(self.engine, histories, columns, len(items))
        summary = LogSummary(
            n_events=stored.count,
            n_users=n_users,
            item_ids=items.names,
            event_types=kinds.names,
            attributes=attributes,
            as_of=as_of,
            stays=stays,
            returned=returned,
            disliked=disliked,
            facets=counted_facets(names, values),
            times=times,
            fingerprint=sealed(
                (n_users, stored.count, as_of),
                marks,
                (items.names, kinds.names),
                attributes,
                stays,
                (names, *values),
                (returned, disliked),
            ),
        )
        return EngineCounts(self.engine, histories, summary, columns)

    def _chosen(self, rows: LogRows, selection: TrainingSelection) -> tuple[ChosenRows, NameCodes]:
        """The rows of the selection by the codes of their kinds, and the kinds."""
        thresholds = {spelled(one.event_type): one.value_threshold for one in selection.events}
        sent = [
            SentType(name, place, thresholds.get(spelled(name)))
            for place, name in enumerate(rows.sent_types())
            if not thresholds or spelled(name) in thresholds
        ]
        meanings = {one.kind: self.event_types.meaning(one.name) for one in sent}
        kinds = NameCodes()
        code = {place: _AGAINST.get(meaning) for place, meaning in meanings.items()}
        for place in rows.of_types(sent).kinds():
            if code[place] is None:
                code[place] = type_code(kinds, meanings[place])
        met = [replace(one, kind=kind) for one in sent if (kind := code[one.kind]) is not None]
        return rows.of_types(met), kinds

    def _told(
        self, rows: ChosenRows
    ) -> tuple[dict[str | None, int], list[_Told], NDArray[np.int64]]:
        """The code of each text that events tell, what the codes mean, and how many tell each."""
        reader, texts, counts = FacetReader.of(self.catalogue), *rows.told()
        numbers: dict[_Told, int] = {}
        said = {
            text: numbers.setdefault(tuple(reader.of_properties(text)), len(numbers))
            for text in texts
        }
        times = np.zeros(len(numbers), np.int64)
        np.add.at(times, np.fromiter(said.values(), np.int64, len(said)), counts)
        return said, list(numbers), times

    def _against(self, rows: ChosenRows, items: NameCodes) -> list[Returned]:
        found = rows.against()
        item = np.fromiter(map(items.number, found["item"]), np.int32, len(found["item"]))
        return [
            Returned(item[mine], found["sent_at"][mine].astype(np.int64))
            for mine in (found["kind"] == code for code in _AGAINST.values())
        ]

    def _columns(
        self,
        histories: Sequence[Frame],
        told: Sequence[_Told],
        times_told: NDArray[np.int64],
        users: "_UsersFacets",
    ) -> list[FacetColumn]:
        """The columns of facets, which have the codes of the histories."""
        near = _times_of(self.engine, histories, SOURCES[1], len(told))
        own = _times_of(self.engine, histories, SOURCES[2], len(users.told))
        met = users.met(self.engine, histories)
        distinct = [users.told[code] for code in met.tolist()]
        columns = []
        for column in told_columns(told, distinct, (times_told, near, own[met])):
            codes = column.codes
            if column.source == SOURCES.index("own"):
                codes = np.full(len(users.told) + 1, -1, np.int32)
                codes[met] = column.codes[:-1]
            columns.append(replace(column, codes=codes))
        return columns


@dataclass(frozen=True, slots=True)
class _UsersFacets:
    """What is stored of users: `told` by code, and the code of each user who has any, in order."""

    told: list[_Told]
    columns: dict[str, NDArray[np.int64]]

    @classmethod
    def of(cls, catalogue: Catalogue, reader: FacetReader) -> "_UsersFacets":
        codes: dict[_Told, int] = {}
        visitor, own = array("q"), array("q")
        for user in catalogue.users():
            told = tuple(reader.of_user(user.attributes))
            if told:
                visitor.append(visitor_number(user.user_id, None))
                own.append(codes.setdefault(told, len(codes)))
        columns = {"visitor": np.asarray(visitor), "own": np.asarray(own)} if own else {}
        return cls(list(codes), columns)

    def met(self, engine: CountingEngine, histories: Sequence[Frame]) -> NDArray[np.int64]:
        """The codes of users who have events, in the order of the first such user."""
        if not self.told:
            return np.zeros(0, np.int64)
        place = np.arange(len(self.columns["own"]))
        users = engine.table({"visitor": self.columns["visitor"], "user": place})
        first = np.full(len(self.told), len(place), np.int64)
        for rows in histories:
            known = rows.filter(col("place") == 1).join(users, on="visitor", how="inner")
            found = engine.collect(known.group_by("own").agg(first=col("user").min()))
            np.minimum.at(first, found["own"], found["first"])
        order = np.argsort(first, kind="stable")
        return order[: int((first < len(place)).sum())]


def _times_of(
    engine: CountingEngine, histories: Sequence[Frame], name: str, codes: int
) -> NDArray[np.int64]:
    """How many events have each code."""
    times = np.zeros(codes, np.int64)
    for rows in histories if codes else ():
        known = rows.filter(col(name) >= 0)
        found = engine.collect(known.group_by(name).agg(n=nw.len()))
        np.add.at(times, found[name], found["n"].astype(np.int64))
    return times


def _visitors(engine: CountingEngine, histories: Sequence[Frame]) -> int:
    first = (rows.filter(col("place") == 1).select(n=nw.len()) for rows in histories)
    return sum(int(engine.collect(one)["n"][0]) for one in first)
