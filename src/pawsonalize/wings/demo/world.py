"""The demo world: its events, from looking to adopting, and the truth behind them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import overload

import msgspec
import numpy as np
from numpy.typing import NDArray

from pawsonalize.domain.animals import Animal
from pawsonalize.domain.events import Event
from pawsonalize.domain.groups import AnimalGroup
from pawsonalize.domain.times import DAY, HOUR
from pawsonalize.wings.demo import calibration as measured
from pawsonalize.wings.demo.adopters import draw_affinities
from pawsonalize.wings.demo.browsing import SitePages, Views, Visits, browse, draw_visits, guests_of
from pawsonalize.wings.demo.settings import WorldSettings
from pawsonalize.wings.demo.stock import (
    SHELTERS,
    AnimalColumns,
    Shelter,
    draw_animals,
    list_animals,
)
from pawsonalize.wings.demo.traits import Bools, Columns, Floats, Int32s, Ints, Singles
from pawsonalize.wings.demo.utility import Oracle, Utility

EVENT_TYPES = ("view", "favorite", "inquiry", "application", "adoption")
VIEW, FAVORITE, INQUIRY, APPLICATION, ADOPTION = range(len(EVENT_TYPES))
# How the odds of going on grow with the utility, per standard deviation of it.
_EAGERNESS = 0.7
# When within the look at the animal the visitor does it.
_AFTER = {FAVORITE: 0.3, INQUIRY: 0.6, APPLICATION: 0.9}
# An adopter saw the animal online at most this long before taking it home.
_DECISION = 21 * DAY
_GOES_ON_LOOKING = 0.1


@dataclass(frozen=True, slots=True)
class EventColumns(Columns):
    """Events as columns of one length; `WorldEvents` has them in order of time."""

    moment: Ints
    kind: NDArray[np.int8]
    visitor: Int32s
    session: Int32s  # -1 for an adoption, which the shelter reports
    identified: Bools
    animal: Int32s
    page: Int32s  # a row of the pages shown; -1 without a page
    position: NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class WorldEvents(Sequence[Event]):
    """The events in time order, made into `Event` values one at a time, as they are read."""

    columns: EventColumns
    pages: Int32s
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
        shown = self.pages[page].tolist() if page >= 0 else ()
        return Event(
            event_id=f"demo-{self.seed}-{row:08d}",
            user_id=self.user_ids[visitor] if columns.identified[row] else None,
            session_id=f"s{session:07d}" if session >= 0 else None,
            event_type=EVENT_TYPES[columns.kind[row]],
            item_id=self.item_ids[animal],
            sent_at=moment,
            received_at=moment,
            animal_id=self.animal_ids[animal],
            impression=tuple(self.item_ids[one] for one in shown if one >= 0),
            properties=f'{{"position": {columns.position[row]}}}' if page >= 0 else None,
        )


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
    adopted = known[_adopting(stock, viewed[known], wanted[known], rng, end)]
    parts = [viewed, _adoptions(viewed, stock, adopted)]
    score = wanted
    if (people := wanted[~bot]).size:
        score = np.asarray((wanted - people.mean()) / max(float(people.std()), 1e-6))
    score = np.where(bot, -np.inf, score)
    for kind, rate in zip((FAVORITE, INQUIRY, APPLICATION), measured.FUNNEL_RATES, strict=True):
        goes = rng.random(len(views)) < chance(rate, score)
        if kind == APPLICATION:
            goes[adopted] = True
        parts.append(_follow(viewed, views, np.flatnonzero(goes), kind))
    events = EventColumns.joined(parts)
    kept = (events.moment < end) & ~_after_adoption(visits, events, rng)
    kept &= (events.kind == ADOPTION) | (events.moment < stock.adopted[events.animal])
    events = events[kept]
    return events[np.argsort(events.moment, kind="stable")]


def chance(rate: float, score: Singles) -> Floats:
    """Chance by standardised utility, about `rate` in the mean; 0 for a score of -inf."""
    odds = np.log(rate / (1 - rate)) - _EAGERNESS**2 / 2 + _EAGERNESS * score.astype(float)
    return np.asarray(np.exp(odds) / (1 + np.exp(odds)))


def _viewed(visits: Visits, views: Views) -> EventColumns:
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


def _follow(viewed: EventColumns, views: Views, rows: Ints, kind: int) -> EventColumns:
    seen = viewed[rows]
    moment = seen.moment + (_AFTER[kind] * views.dwell[rows]).astype(np.int64)
    return _without_page(replace(seen, moment=moment), kind)


def _without_page(seen: EventColumns, kind: int) -> EventColumns:
    nothing = np.full(len(seen), -1, np.int8)
    kinds = np.full(len(seen), kind, np.int8)
    return replace(seen, kind=kinds, page=nothing.astype(np.int32), position=nothing)


def _adopting(
    stock: AnimalColumns, viewed: EventColumns, wanted: Singles, rng: np.random.Generator, end: int
) -> Ints:
    """Views that led to an adoption: at most one per animal, and the first of each visitor."""
    left = stock.adopted[viewed.animal]
    since = left - viewed.moment
    eligible = np.flatnonzero((left < end) & (since > HOUR) & (since < _DECISION))
    chance = wanted[eligible] + rng.gumbel(size=len(eligible))
    best = eligible[np.lexsort((-chance, viewed.animal[eligible]))]
    best = best[np.unique(viewed.animal[best], return_index=True)[1]]
    best = best[np.argsort(left[best], kind="stable")]
    return best[np.unique(viewed.visitor[best], return_index=True)[1]]


def _adoptions(viewed: EventColumns, stock: AnimalColumns, adopted: Ints) -> EventColumns:
    seen = viewed[adopted]
    nowhere = np.full(len(adopted), -1, np.int32)
    seen = replace(seen, moment=stock.adopted[seen.animal], session=nowhere)
    return _without_page(seen, ADOPTION)


def _after_adoption(visits: Visits, events: EventColumns, rng: np.random.Generator) -> Bools:
    done = np.full(int(events.visitor.max(initial=0)) + 1, np.iinfo(np.int64).max)
    home = np.flatnonzero(events.kind == ADOPTION)
    home = home[rng.random(len(home)) >= _GOES_ON_LOOKING]
    done[events.visitor[home]] = events.moment[home]
    return np.asarray((events.session >= 0) & (visits.start[events.session] > done[events.visitor]))


class World(msgspec.Struct, frozen=True):
    """A made-up adoption site. Its users are adopters, then bots; guests are positions only.

    A visitor is a position (`events.columns.visitor`), an animal one in `animals`.
    """

    settings: WorldSettings
    seed: int
    start: int
    end: int  # exclusive
    shelters: tuple[Shelter, ...]
    animals: tuple[Animal, ...]
    """All that were listed at some moment of the world, in order of listing."""
    groups: tuple[AnimalGroup, ...]
    adopter_ids: tuple[str, ...]
    bot_ids: tuple[str, ...]
    events: WorldEvents
    oracle: Oracle


def generate(settings: WorldSettings, seed: int, end: int) -> World:
    """Make the world that ends at `end` (ms since 1970); the same input gives the same bits."""
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
        shelters=SHELTERS[: settings.shelters],
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
