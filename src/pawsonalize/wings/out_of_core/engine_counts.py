"""Counts a log by an engine: the numbers of `recipes/counts/memory.py`, bit for bit."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import narwhals as nw
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array

from pawsonalize.domain.times import DAY, HOUR, MINUTE
from pawsonalize.recipes.contract import TrainingData
from pawsonalize.recipes.counts.counting import PAIR_GRAIN, Covisits, Floats, Ints, LogSummary
from pawsonalize.recipes.counts.facet_lifts import RARER
from pawsonalize.recipes.counts.rows import Counts, tidy
from pawsonalize.recipes.counts.weights import GRAIN, MOST, EventWeights
from pawsonalize.recipes.facets import Dayparts, FacetColumn, Facets
from pawsonalize.wings.out_of_core.base import CountingEngine, Frame
from pawsonalize.wings.out_of_core.expressions import (
    between,
    col,
    earlier,
    on_grain,
    rounded,
    slice_of,
    with_fade,
)
from pawsonalize.wings.out_of_core.files import Columns
from pawsonalize.wings.out_of_core.marks import SOURCES
from pawsonalize.wings.out_of_core.sampling import last_of_sample


class EngineCounts:
    """See `EventCounts`. The histories' visitors are split between the parts."""

    def __init__(
        self,
        engine: CountingEngine,
        histories: Sequence[Frame],
        summary: LogSummary,
        columns: Sequence[FacetColumn],
    ) -> None:
        self._engine = engine
        self._histories = histories
        self._columns = columns
        self._weighed_by: EventWeights | None = None
        self._weighed_frames: list[Frame] = []
        self._visit_frames: list[Frame] = []
        self.summary = summary

    def sample(self, most: int) -> TrainingData:
        """See `EventCounts`, as for all methods."""
        last = last_of_sample(self._engine, self._histories, self.summary.n_events, most)
        chosen = [
            one if last is None else one.filter(col("visitor") <= last) for one in self._histories
        ]
        rows = self._rows(chosen, "visitor", "place", "item", "kind", "time", "value", *SOURCES)
        order = np.lexsort((rows["place"], rows["visitor"]))
        rows = {name: column[order] for name, column in rows.items()}
        visitors, user = np.unique(rows["visitor"], return_inverse=True)
        facets = Facets.unknown()
        for one in self._columns:
            facets = facets.plus(one.name, one.values, one.codes[rows[SOURCES[one.source]]])
        s = self.summary
        return TrainingData(
            user=user.astype(np.int32),
            item=rows["item"].astype(np.int32),
            event_type=rows["kind"].astype(np.int16),
            value=rows["value"].astype(np.float32),
            time=rows["time"].astype(np.int64),
            n_users=len(visitors),
            item_ids=s.item_ids,
            event_types=s.event_types,
            attributes=s.attributes,
            as_of=s.as_of,
            stays=s.stays,
            facets=facets,
            returned=s.returned,
            disliked=s.disliked,
        )

    def users(self, half_life_days: float) -> Floats:
        """See `EventCounts`."""
        frames = []
        for one in self._histories:
            newest = one.group_by("visitor", "item").agg(active=col("active").max())
            faded = with_fade(newest, "fade", "active", self._newest, half_life_days)
            frames.append(faded.select("item", n=on_grain(col("fade"))))
        return self._by_item(frames)

    def first_events(self, nothing: int) -> Ints:
        """See `EventCounts`."""
        first = np.full(self.summary.n_items, nothing, np.int64)
        for one in self._histories:
            found = self._engine.collect(one.group_by("item").agg(time=col("time").min()))
            np.minimum.at(first, found["item"], found["time"])
        return first

    def repeats(self, window: int) -> tuple[int, int]:
        """See `EventCounts`."""
        flags = self._sums(self._repeats(window), ["again"], "n")
        counts = dict(zip(flags["again"].tolist(), flags["n"].tolist(), strict=True))
        return counts.get(1, 0), sum(counts.values())

    def _repeats(self, window: int) -> Iterator[Frame]:
        """Of the events that have any before, whether one of those has their item."""
        for one in self._histories:
            with self._shifted(one, window, "item") as shifted:
                again = nw.lit(False)
                for gap in range(1, window + 1):
                    again = again | (col(f"p{gap}") == col("item")).fill_null(False)
                later = shifted.filter(~col("p1").is_null())
                yield later.select(again=again.cast(nw.Int64), n=nw.lit(1))

    def choices(self, weights: EventWeights) -> Floats:
        """See `EventCounts`."""
        return self._by_item(
            [one.select("item", n=on_grain(col("weight"))) for one in self._weighed(weights)]
        )

    def hours(self, weights: EventWeights) -> tuple[Ints, Floats]:
        """See `EventCounts`."""
        frames = [
            one.select(hour=col("time") - col("time") % HOUR, n=on_grain(col("fade")))
            for one in self._weighed(weights)
        ]
        found = self._sums(frames, ["hour"], "n")
        return found["hour"], found["n"] / GRAIN

    def facets(self, weights: EventWeights, dayparts: Dayparts) -> Counts:
        """See `EventCounts`."""
        names = tuple(dict.fromkeys((*self.summary.facets, *dayparts.names)))
        row = {name: place for place, name in enumerate(names)}
        total: Counts = csr_array((len(names), self.summary.n_items), dtype=np.float64)
        for source in sorted({one.source for one in self._columns}):
            found = self._by_code(weights, col(SOURCES[source]))
            for one in self._columns:
                if one.source == source:
                    rows = [row.get((one.name, value), -1) for value in one.values]
                    of_code = np.array([*rows, -1], np.int64)[one.codes]
                    total = total + self._facet_sums(of_code[found["code"]], found, total.shape)
        if dayparts.hours:
            minute = col("time") % DAY
            found = self._by_code(weights, minute - minute % MINUTE)
            bands = dayparts.bands(found["code"])
            of_band = np.array([row[name] for name in dayparts.names], np.int64)
            total = total + self._facet_sums(of_band[bands], found, total.shape)
        return tidy(total)

    def _by_code(self, weights: EventWeights, code: nw.Expr) -> dict[str, NDArray[Any]]:
        """What choices weigh by a code and item, a user's later ones less."""
        rare = self._engine.table({"rank": np.arange(1, len(RARER) + 1), "rarer": RARER})
        frames = []
        for one in self._weighed(weights):
            rank = nw.when(col("place") > len(RARER)).then(nw.lit(len(RARER)))
            rows = one.with_columns(code=code, rank=rank.otherwise(col("place")))
            rows = rows.filter(col("code") >= 0).join(rare, on="rank", how="inner")
            frames.append(rows.select("code", "item", n=on_grain(col("weight") * col("rarer"))))
        return self._sums(frames, ["code", "item"], "n")

    @staticmethod
    def _facet_sums(rows: Ints, found: Columns, shape: tuple[int, int]) -> Counts:
        known = np.flatnonzero(rows >= 0)
        places = (rows[known], found["item"][known])
        return coo_array((found["n"][known] / GRAIN, places), shape=shape).tocsr()

    def steps(self, weights: EventWeights, window: int, gap_decay: float) -> Counts:
        """See `EventCounts`."""
        pairs = self._steps(self._choices(weights), window, gap_decay, to_itself=False)
        return self._pairs(self._sums(pairs, ["source", "item"], "n"), GRAIN)

    def visit_steps(self, weights: EventWeights, window: int, gap_decay: float) -> Counts:
        """See `EventCounts`."""
        pairs = self._steps(self._visits(weights), window, gap_decay, to_itself=True)
        return self._pairs(self._sums(pairs, ["source", "item"], "n"), GRAIN)

    def _steps(
        self, frames: Sequence[Frame], window: int, gap_decay: float, *, to_itself: bool
    ) -> Iterator[Frame]:
        for one in frames:
            with self._shifted(one, window, "item", "weight") as shifted:
                steps = []
                for gap in range(1, window + 1):
                    source = col(f"p{gap}")
                    counted = ~source.is_null()
                    if not to_itself:
                        counted = counted & (source != col("item"))
                    worth = on_grain(col("weight") * gap_decay ** (gap - 1))
                    steps.append(shifted.filter(counted).select("item", source=source, n=worth))
                yield nw.concat(steps)

    def covisits(self, weights: EventWeights, history: int) -> Covisits:
        """See `EventCounts`."""
        chosen = [self._met(one, history) for one in self._choices(weights)]
        total = self._by_item([one.select("item", "n") for one in chosen])
        pairs = []
        for one in chosen:
            # A sum is below 2 ** 53, so it is a fraction without rounding.
            root = (col("n").cast(nw.Float64) * (1.0 / GRAIN)).sqrt()
            roots = one.select("visitor", "item", root=rounded(root, PAIR_GRAIN**0.5))
            other = roots.select("visitor", source=col("item"), other=col("root"))
            both = roots.join(other, on="visitor", how="inner").filter(col("source") < col("item"))
            pairs.append(both.select("source", "item", n=col("root") * col("other")))
        half = self._pairs(self._sums(pairs, ["source", "item"], "n"), PAIR_GRAIN)
        whole = tidy(csr_array(half + half.T))
        return Covisits(lambda start, end: csr_array(whole[start:end]), total)

    def _met(self, choices: Frame, history: int) -> Frame:
        """What each visitor's newest choices of each item weigh."""
        left = col("place").cum_count(reverse=True).over("visitor", order_by="place")
        newest = choices.with_columns(left=left).filter(col("left") <= history)
        newest = newest.select("visitor", "item", n=on_grain(col("weight")))
        return self._engine.store(newest.group_by("visitor", "item").agg(col("n").sum()), "met")

    def visits(self, weights: EventWeights) -> Floats:
        """See `EventCounts`."""
        return self._by_item(
            [one.select("item", n=on_grain(col("weight"))) for one in self._visits(weights)]
        )

    def visits_by_time(self, weights: EventWeights, edges: Floats) -> Floats:
        """See `EventCounts`."""
        part = slice_of(col("time").cast(nw.Float64), edges.tolist()).cast(nw.Int64)
        frames = [
            one.select("item", part=part, n=on_grain(col("worth"))) for one in self._visits(weights)
        ]
        found = self._sums(frames, ["part", "item"], "n")
        result = np.zeros((len(edges), self.summary.n_items))
        result[found["part"], found["item"]] = found["n"] / GRAIN
        return result

    def recent(self, step: int, count: int) -> tuple[Ints, NDArray[np.int32], NDArray[np.int32]]:
        """See `EventCounts`."""
        newest = int(self.summary.times.max(initial=0)) // step
        after = (newest - count + 1) * step
        frames = [
            one.filter(col("time") >= after)
            .select("visitor", "item", step=col("time") - col("time") % step)
            .unique(["visitor", "item", "step"])
            for one in self._histories
        ]
        rows = self._rows(frames, "visitor", "item", "step")
        user = np.unique(rows["visitor"], return_inverse=True)[1]
        return rows["step"] // step, rows["item"].astype(np.int32), user.astype(np.int32)

    def by_period(self, period: int) -> tuple[Ints, NDArray[np.int32], Ints]:
        """See `EventCounts`."""
        frames = [
            one.select("item", period=col("time") - col("time") % period, n=nw.lit(1))
            for one in self._histories
        ]
        found = self._sums(frames, ["period", "item"], "n")
        return found["period"] // period, found["item"].astype(np.int32), found["n"]

    @property
    def _newest(self) -> float:
        return self.summary.clock.newest

    def _weighed(self, weights: EventWeights) -> list[Frame]:
        """The histories with `strength`, `fade` and `weight` of each event."""
        if self._weighed_by != weights:
            self._weighed_by, self._visit_frames = weights, []
            self._weighed_frames = [self._with_weight(one, weights) for one in self._histories]
        return self._weighed_frames

    def _with_weight(self, rows: Frame, weights: EventWeights) -> Frame:
        types = self.summary.event_types
        strength = [weights.of_type.get(name, weights.others) for name in types]
        kinds = self._engine.table(
            {
                "kind": np.arange(len(types), dtype=np.int32),
                "usual": np.array(strength, np.float64),
                "valued": np.array([name in weights.valued for name in types], np.bool_),
                "stronger": np.array(
                    [name in weights.of_type and name != "view" for name in types], np.bool_
                ),
            }
        )
        value = between(col("value"), 0.0, MOST)
        counts = nw.when(col("valued") & ~col("value").is_null()).then(value)
        rows = rows.join(kinds, on="kind", how="inner")
        rows = rows.with_columns(strength=col("usual") * counts.otherwise(nw.lit(1.0)))
        rows = with_fade(rows, "fade", "active", self._newest, weights.half_life_days)
        return rows.with_columns(weight=col("strength") * col("fade"))

    def _choices(self, weights: EventWeights) -> list[Frame]:
        """The events that do not repeat the one before, see `count_visits`."""
        return [
            one.filter(col("before") != col("item")).select("visitor", "place", "item", "weight")
            for one in self._weighed(weights)
        ]

    def _visits(self, weights: EventWeights) -> list[Frame]:
        """The visits, see `read_visits`."""
        frames = self._weighed(weights)
        if not self._visit_frames:
            self._visit_frames = [self._as_visits(one, weights) for one in frames]
        return self._visit_frames

    def _as_visits(self, rows: Frame, weights: EventWeights) -> Frame:
        starts = (col("before") != col("item")) | ~col("stronger")
        rows = rows.with_columns(start=starts.cast(nw.Int64))
        visit = col("start").cum_sum().over("visitor", order_by="place")
        joined = rows.with_columns(visit=visit).group_by("visitor", "visit")
        visits = joined.agg(
            item=col("item").min(),
            place=col("place").min(),
            time=col("time").min(),
            active=col("active").min(),
            worth=col("strength").max(),
        )
        visits = with_fade(visits, "fade", "active", self._newest, weights.half_life_days)
        visits = visits.with_columns(weight=col("worth") * col("fade"))
        kept = visits.select("visitor", "place", "item", "time", "worth", "weight")
        return self._engine.store(kept, "visits")

    def _shifted(self, rows: Frame, window: int, *columns: str) -> AbstractContextManager[Frame]:
        """The columns, and the item of the row before as `p1`, of the one before that as `p2`."""
        before = {f"p{gap}": earlier("item", gap) for gap in range(1, window + 1)}
        return self._engine.stored(rows.with_columns(**before).select(*columns, *before), "shifted")

    def _rows(self, frames: Iterable[Frame], *names: str) -> dict[str, NDArray[Any]]:
        found = [self._engine.collect(one.select(*names)) for one in frames]
        if not found:
            return {name: np.zeros(0, np.int64) for name in names}
        return {name: np.concatenate([one[name] for one in found]) for name in names}

    def _sums(self, frames: Iterable[Frame], keys: Sequence[str], value: str) -> dict[str, Ints]:
        """The sums of a column by keys, sorted by these."""
        grouped = (one.group_by(*keys).agg(col(value).sum()) for one in frames)
        found = self._rows(grouped, *keys, value)
        order = np.lexsort([found[key] for key in reversed(keys)])
        columns = {name: column[order].astype(np.int64) for name, column in found.items()}
        first = np.zeros(len(order), np.bool_)
        first[:1] = True
        for key in keys:
            first[1:] |= np.diff(columns[key]) != 0
        starts = np.flatnonzero(first)
        sums = np.add.reduceat(columns[value], starts) if len(starts) else columns[value]
        return {**{key: columns[key][starts] for key in keys}, value: sums}

    def _by_item(self, frames: Sequence[Frame]) -> Floats:
        found = self._sums(frames, ["item"], "n")
        result = np.zeros(self.summary.n_items)
        result[found["item"]] = found["n"] / GRAIN
        return result

    def _pairs(self, found: Mapping[str, Ints], grain: float) -> Counts:
        shape = (self.summary.n_items, self.summary.n_items)
        places = (found["source"], found["item"])
        return tidy(coo_array((found["n"] / grain, places), shape=shape).tocsr())
