"""The demo world: its visitors and what they do, from looking to adopting."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import overload

import numpy as np
from numpy.typing import NDArray

from pawsonalize.demo import calibration as measured
from pawsonalize.demo.adopters import draw_affinities
from pawsonalize.demo.browsing import SitePages, Views, Visits, browse, draw_visits, guests_of
from pawsonalize.demo.settings import WorldSettings
from pawsonalize.demo.stock import AnimalColumns, Shelter, draw_animals, list_animals, list_shelters
from pawsonalize.demo.traits import Traits
from pawsonalize.demo.utility import Oracle, Utility
from pawsonalize.domain.animals import Animal
from pawsonalize.domain.errors import NotFound
from pawsonalize.domain.events import Event
from pawsonalize.domain.groups import AnimalGroup
from pawsonalize.domain.times import DAY, HOUR

EVENT_TYPES = ("view", "favorite", "inquiry", "application", "adoption")
VIEW, FAVORITE, INQUIRY, APPLICATION, ADOPTION = range(len(EVENT_TYPES))


@dataclass(frozen=True, slots=True)
class EventColumns:
    """Events as columns of one length; `WorldEvents` has them in order of time."""

    moment: NDArray[np.int64]
    """Milliseconds since 1970."""
    kind: NDArray[np.int8]
    visitor: NDArray[np.int32]
    session: NDArray[np.int32]
    """-1 for an adoption, which the shelter reports."""
    identified: NDArray[np.bool_]
    """Whether the event carries the user's id."""
    animal: NDArray[np.int32]
    page: NDArray[np.int32]
    """A row of the pages shown; -1 without a page."""
    position: NDArray[np.int8]
    """The place on the page; -1 without a page."""

    def __len__(self) -> int:
        return len(self.moment)

    def take(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> "EventColumns":
        """These events only, in this order."""
        return EventColumns(*(getattr(self, column.name)[rows] for column in fields(self)))

    @classmethod
    def joined(cls, parts: Sequence["EventColumns"]) -> "EventColumns":
        """One after the other."""
        names = [column.name for column in fields(cls)]
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


@dataclass(frozen=True, slots=True)
class WorldEvents(Sequence[Event]):
    """The events in time order, made into `Event` values one at a time, as they are read."""

    columns: EventColumns
    pages: NDArray[np.int32]
    user_ids: tuple[str, ...]
    animal_ids: tuple[str, ...]
    item_ids: tuple[str, ...]
    seed: int

    def __len__(self) -> int:
        return len(self.columns)

    @overload
    def __getitem__(self, at: int) -> Event: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Event]: ...
    def __getitem__(self, at: int | slice) -> Event | Sequence[Event]:
        if isinstance(at, slice):
            return [self._event(row) for row in range(*at.indices(len(self)))]
        row = at + len(self) if at < 0 else at
        if not 0 <= row < len(self):
            raise IndexError(at)
        return self._event(row)

    def __iter__(self) -> Iterator[Event]:
        return map(self._event, range(len(self)))

    def _event(self, row: int) -> Event:
        columns = self.columns
        moment, animal = int(columns.moment[row]), int(columns.animal[row])
        session, page = int(columns.session[row]), int(columns.page[row])
        visitor = int(columns.visitor[row])
        return Event(
            event_id=f"demo-{self.seed}-{row:08d}",
            user_id=self.user_ids[visitor] if columns.identified[row] else None,
            session_id=f"s{session:07d}" if session >= 0 else None,
            event_type=EVENT_TYPES[columns.kind[row]],
            item_id=self.item_ids[animal],
            sent_at=moment,
            received_at=moment,
            animal_id=self.animal_ids[animal],
            impression=self._shown(page) if page >= 0 else (),
            properties=f'{{"position": {columns.position[row]}}}' if page >= 0 else None,
        )

    def _shown(self, page: int) -> tuple[str, ...]:
        return tuple(self.item_ids[animal] for animal in self.pages[page].tolist() if animal >= 0)


# How the odds of going on grow with the utility, per standard deviation of it.
_EAGERNESS = 0.7
# When within the look at the animal the visitor does it.
_AFTER = {FAVORITE: 0.3, INQUIRY: 0.6, APPLICATION: 0.9}
# An adopter saw the animal online at most this long before taking it home.
_DECISION = 21 * DAY
_GOES_ON_LOOKING = 0.1


def tell(
    settings: WorldSettings,
    utility: Utility,
    stock: AnimalColumns,
    visits: Visits,
    views: Views,
    rng: np.random.Generator,
    end: int,
) -> EventColumns:
    """All events of the views and what follows from them, in time order, before `end`."""
    viewed = _viewed(visits, views)
    wanted = utility.of_animals(viewed.visitor, viewed.animal)
    bot = (viewed.visitor >= settings.adopters) & (
        viewed.visitor < settings.adopters + settings.bots
    )
    known = np.flatnonzero(viewed.identified & ~bot)
    known = known[rng.random(len(stock))[viewed.animal[known]] < settings.online_adoption_share]
    adopted = known[_adopting(stock, viewed.take(known), wanted[known], rng, end)]
    parts = [viewed, _adoptions(viewed, stock, adopted)]
    score = np.where(bot, -np.inf, _standardised(wanted, ~bot))
    for kind, rate in zip((FAVORITE, INQUIRY, APPLICATION), measured.FUNNEL_RATES, strict=True):
        goes = rng.random(len(views)) < chance(rate, score)
        if kind == APPLICATION:
            goes[adopted] = True
        parts.append(_follow(viewed, views, np.flatnonzero(goes), kind))
    events = EventColumns.joined(parts)
    kept = (events.moment < end) & ~_after_adoption(visits, events, rng)
    kept &= (events.kind == ADOPTION) | (events.moment < stock.adopted[events.animal])
    events = events.take(kept)
    return events.take(np.argsort(events.moment, kind="stable"))


def _standardised(values: NDArray[np.float32], among: NDArray[np.bool_]) -> NDArray[np.float32]:
    if not among.any():
        return values
    return np.asarray((values - values[among].mean()) / max(float(values[among].std()), 1e-6))


def chance(rate: float, score: NDArray[np.float32]) -> NDArray[np.float64]:
    """Chance by standardised utility, about `rate` in the mean; 0 for a score of -inf."""
    odds = np.log(rate / (1 - rate)) - _EAGERNESS**2 / 2 + _EAGERNESS * score.astype(float)
    return np.asarray(np.exp(odds) / (1 + np.exp(odds)))


def _viewed(visits: Visits, views: Views) -> EventColumns:
    """The views themselves; a view of the same animal again shows no page."""
    return EventColumns(
        moment=views.moment,
        kind=np.full(len(views), VIEW, np.int8),
        visitor=visits.visitor[views.session].astype(np.int32),
        session=views.session,
        identified=views.step >= visits.login[views.session],
        animal=views.animal,
        page=np.where(views.position >= 0, np.arange(len(views)), -1).astype(np.int32),
        position=views.position,
    )


def _follow(viewed: EventColumns, views: Views, rows: NDArray[np.int64], kind: int) -> EventColumns:
    """An event of that kind during each of these views, with no page of its own."""
    seen = viewed.take(rows)
    return EventColumns(
        moment=seen.moment + (_AFTER[kind] * views.dwell[rows]).astype(np.int64),
        kind=np.full(len(rows), kind, np.int8),
        visitor=seen.visitor,
        session=seen.session,
        identified=seen.identified,
        animal=seen.animal,
        page=np.full(len(rows), -1, np.int32),
        position=np.full(len(rows), -1, np.int8),
    )


def _adopting(
    stock: AnimalColumns,
    viewed: EventColumns,
    wanted: NDArray[np.float32],
    rng: np.random.Generator,
    end: int,
) -> NDArray[np.int64]:
    """Return which of these views led to the animal's adoption.

    Of the visitors who saw an animal in its last weeks, one who wanted it takes it: at most one
    view per animal, and one animal per visitor, the first.
    """
    left = stock.adopted[viewed.animal]
    since = left - viewed.moment
    eligible = np.flatnonzero((left < end) & (since > HOUR) & (since < _DECISION))
    chance = wanted[eligible] + rng.gumbel(size=len(eligible))
    best = eligible[np.lexsort((-chance, viewed.animal[eligible]))]
    best = best[np.unique(viewed.animal[best], return_index=True)[1]]
    best = best[np.argsort(left[best], kind="stable")]
    return best[np.unique(viewed.visitor[best], return_index=True)[1]]


def _adoptions(
    viewed: EventColumns, stock: AnimalColumns, adopted: NDArray[np.int64]
) -> EventColumns:
    seen = viewed.take(adopted)
    nothing = np.full(len(adopted), -1)
    return EventColumns(
        moment=stock.adopted[seen.animal],
        kind=np.full(len(adopted), ADOPTION, np.int8),
        visitor=seen.visitor,
        session=nothing.astype(np.int32),
        identified=seen.identified,
        animal=seen.animal,
        page=nothing.astype(np.int32),
        position=nothing.astype(np.int8),
    )


def _after_adoption(
    visits: Visits, events: EventColumns, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """The events of sessions that adopters would have had, had they not found their animal."""
    done = np.full(int(events.visitor.max(initial=0)) + 1, np.iinfo(np.int64).max)
    home = np.flatnonzero(events.kind == ADOPTION)
    home = home[rng.random(len(home)) >= _GOES_ON_LOOKING]
    done[events.visitor[home]] = events.moment[home]
    return np.asarray((events.session >= 0) & (visits.start[events.session] > done[events.visitor]))


@dataclass(frozen=True, slots=True)
class World:
    """A made-up adoption site.

    Its users are adopters, then bots. The methods take a visitor as a user id or as a position
    (`events.columns.visitor`), which guests have too. `previous` is the animal last
    viewed in the same session, as a position in `animals`, if any.
    """

    settings: WorldSettings
    seed: int
    start: int
    """Milliseconds since 1970."""
    end: int
    """Milliseconds since 1970, exclusive."""
    shelters: tuple[Shelter, ...]
    animals: tuple[Animal, ...]
    """All that were listed at some moment of the world, in order of listing."""
    groups: tuple[AnimalGroup, ...]
    """Their distinct groups."""
    adopter_ids: tuple[str, ...]
    bot_ids: tuple[str, ...]
    events: WorldEvents
    oracle: Oracle

    def utility(self, visitor: str | int, groups: Sequence[AnimalGroup]) -> NDArray[np.float64]:
        """True utility of each group to the visitor, a log probability; shape (groups,).

        Were all `animals` on one page, shown alike, its exponential would be the chance that the
        visitor picks one given animal of the group, average in all that its group does not say.
        How many there are, and whether any is available, is not in it: that is `propensity`.
        NaN for a breed the world does not know.
        """
        who, traits = self._visitor(visitor), Traits.of(groups)
        base = self.oracle.baseline(who)[traits.species]
        return base + self.oracle.utility.of_groups(who, traits)

    def propensity(
        self, visitor: str | int | None, at: int, previous: int | None = None
    ) -> NDArray[np.float64]:
        """Probability that the next view, at that moment, is of each of `groups`; sums to 1.

        All 0 when nobody is available. What the oracle knows, and what not, is written in
        `oracle.py`; the visitor None is a stranger.
        """
        who = None if visitor is None else self._visitor(visitor)
        available = self.oracle.available(at)
        chance = self.oracle.next_view(who, available, previous)
        return np.asarray(np.bincount(self.oracle.group[available], chance, len(self.groups)))

    def _visitor(self, visitor: str | int) -> int:
        if not isinstance(visitor, str):
            return int(visitor)
        position = int(visitor[1:]) if visitor[1:].isdecimal() else -1
        if self.events.user_ids[position : position + 1] != (visitor,):
            raise NotFound(f"this world has no user {visitor}; see adopter_ids")
        return position


def generate(settings: WorldSettings, seed: int, end: int) -> World:
    """Make the world that ends at `end` (milliseconds since 1970).

    Same settings, seed and end give the same world, bit for bit.
    """
    start = end - settings.days * DAY
    dice = [np.random.default_rng((seed, stage)) for stage in range(6)]
    users = settings.adopters + settings.bots
    stock = draw_animals(settings, dice[0], end)
    affinities = draw_affinities(
        dice[1], users + guests_of(settings), settings.shelters, settings.affinity
    )
    utility = Utility.of(settings, affinities, stock)
    visits = draw_visits(settings, affinities, dice[2], start)
    site = SitePages.of(stock, dice[3], start, end)
    views = browse(settings, utility, site, visits, seed)
    animals = list_animals(stock, dice[4], end)
    groups = stock.traits.groups()
    codes: dict[AnimalGroup, int] = {}
    group = np.array([codes.setdefault(one, len(codes)) for one in groups])
    user_ids = tuple(f"u{number:06d}" for number in range(users))
    return World(
        settings=settings,
        seed=seed,
        start=start,
        end=end,
        shelters=list_shelters(settings.shelters),
        animals=animals,
        groups=tuple(codes),
        adopter_ids=user_ids[: settings.adopters],
        bot_ids=user_ids[settings.adopters :],
        events=WorldEvents(
            columns=tell(settings, utility, stock, visits, views, dice[5], end),
            pages=views.page,
            user_ids=user_ids,
            animal_ids=tuple(animal.animal_id for animal in animals),
            item_ids=tuple(one.id for one in groups),
            seed=seed,
        ),
        oracle=Oracle(settings, utility, stock, group),
    )
