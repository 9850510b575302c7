"""The demo world: visits and their events, from looking to adopting, and the truth behind them.

All sessions of a block are made at once.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import overload

import msgspec
import numpy as np
from numpy.typing import NDArray

from pawsonalize.animals.animal import Animal
from pawsonalize.core.event import Event
from pawsonalize.core.groups import AnimalGroup
from pawsonalize.core.times import DAY, HOUR, SECOND
from pawsonalize.plugins.demo import calibration as measured
from pawsonalize.plugins.demo.adopters import (
    Affinities,
    Oracle,
    Utility,
    draw_affinities,
    notice_weights,
)
from pawsonalize.plugins.demo.settings import WorldSettings
from pawsonalize.plugins.demo.stock import (
    SHELTERS,
    AnimalColumns,
    Bools,
    Columns,
    Floats,
    Int32s,
    Ints,
    Shelter,
    Singles,
    draw_animals,
    list_animals,
)

NEVER = 32_767
MAX_VIEWS = 60
_BOT_VIEWS = 150
_BOT_VIEWS_SPREAD = 100
# Views of a session are log-normal, rounded up: half have 3 or fewer, one in ten over 9.
_VIEWS_MEDIAN, _VIEWS_SPREAD = 2.6, 0.95
# Log-normal spread of how often adopters come: the busiest tenth makes nearly half the sessions.
_ACTIVITY_SPREAD = 1.2
# Days from the first visit to the last: log-normal.
_SEARCH_DAYS_MEDIAN, _SEARCH_DAYS_SPREAD = 25.0, 0.9
_SESSIONS_PER_GUEST = 1.3
# Part of the planned events that happens: adopters stop when they have adopted, pages run dry.
_HAPPENS = 0.93
_Part = tuple[Ints, Floats, Ints, Ints]
_KINDS = len(measured.SPECIES)
_SPARE = 4  # looked at beyond the page, to fill the places of who is not here yet, or no longer
BLOCK = 16_384  # sessions walked together: enough to vectorise, few enough for little memory
_DWELL_MEDIAN, _DWELL_SPREAD = 35.0, 0.8
_BOT_PACE = 0.05


@dataclass(frozen=True, slots=True)
class Visits(Columns):
    """Sessions as columns, in order of their start. Moments are ms since 1970, as in the world."""

    visitor: Ints
    start: Ints
    views: Ints
    species: Ints
    login: Ints  # from which view on the user id is known: 0 for all, `NEVER` for none


def guests_of(settings: WorldSettings) -> int:
    """Return the number of visitors without an account in the world."""
    return round(_sessions(settings) * settings.guest_share / _SESSIONS_PER_GUEST)


def draw_visits(
    settings: WorldSettings, affinities: Affinities, rng: np.random.Generator, start: int
) -> Visits:
    """All sessions of adopters, bots and guests (`Affinities` holds them in this order)."""
    sessions = _sessions(settings)
    by_guests = round(sessions * settings.guest_share)
    first_guest = settings.adopters + settings.bots
    parts = [
        _of_adopters(settings, rng, max(settings.adopters, sessions - by_guests)),
        _of_bots(settings, rng),
        _of_guests(settings, rng, by_guests, first_guest, len(affinities)),
    ]
    visitor, day, views, login = (np.concatenate(column) for column in zip(*parts, strict=True))
    draw = rng.random((len(visitor), 1), np.float32)
    species = (draw > np.cumsum(affinities.species[visitor], axis=1)).sum(axis=1)
    species = np.minimum(species, len(measured.SPECIES) - 1)
    bot = (visitor >= settings.adopters) & (visitor < first_guest)
    species[bot] = rng.integers(0, 2, bot.sum())
    visits = Visits(visitor, _moment(rng, day, start), views, species, login)
    order = np.argsort(visits.start, kind="stable")
    ended = start + settings.days * DAY
    return visits[order[visits.start[order] < ended]]  # some guests would come back later


def _of_adopters(settings: WorldSettings, rng: np.random.Generator, sessions: int) -> _Part:
    everyone = np.arange(settings.adopters)
    search = rng.lognormal(np.log(_SEARCH_DAYS_MEDIAN), _SEARCH_DAYS_SPREAD, len(everyone))
    search = np.minimum(search, settings.days)
    begun = rng.uniform(-search / 2, settings.days - search / 2)  # halfway inside the world
    first, last = np.maximum(begun, 0), np.minimum(begun + search, settings.days)
    activity = rng.lognormal(0, _ACTIVITY_SPREAD, len(everyone)) * (last - first) / search
    more = rng.choice(everyone, sessions - len(everyone), p=activity / activity.sum())
    visitor = np.concatenate([everyone, more])
    day = rng.uniform(first[visitor], last[visitor])
    views = _views(rng, sessions)
    login = np.where(views > 1, rng.integers(1, np.maximum(views, 2)), NEVER)
    fate = rng.random(sessions)
    login[fate >= settings.late_login_share] = 0
    login[fate >= 1 - settings.no_login_share] = NEVER
    return visitor, day, views, login


def _of_guests(
    settings: WorldSettings, rng: np.random.Generator, sessions: int, first: int, last: int
) -> _Part:
    if last == first:
        sessions = 0
    visitor = rng.integers(first, max(last, first + 1), sessions)
    begun = rng.uniform(0, settings.days, last - first + 1)
    day = begun[visitor - first] + rng.exponential(0.7, sessions)
    return visitor, day, _views(rng, sessions), np.full(sessions, NEVER)


def _of_bots(settings: WorldSettings, rng: np.random.Generator) -> _Part:
    total = settings.events * settings.bot_share if settings.bots else 0
    sessions = round(total / _BOT_VIEWS)
    if settings.bots:
        sessions = max(sessions, settings.bots)
    visitor = settings.adopters + np.arange(sessions) % max(settings.bots, 1)
    low, high = _BOT_VIEWS - _BOT_VIEWS_SPREAD, _BOT_VIEWS + _BOT_VIEWS_SPREAD
    views = rng.integers(low, high + 1, sessions)
    return visitor, rng.uniform(0, settings.days, sessions), views, np.zeros(sessions, np.int64)


def _sessions(settings: WorldSettings) -> int:
    # Rounding up adds about one half to the views of a session.
    mean_views = float(_VIEWS_MEDIAN * np.exp(_VIEWS_SPREAD**2 / 2) + 0.5)
    per_session = mean_views * (1 + sum(measured.FUNNEL_RATES))
    bots = settings.bot_share if settings.bots else 0
    return max(1, round(settings.events * (1 - bots) / per_session / _HAPPENS))


def _views(rng: np.random.Generator, sessions: int) -> Ints:
    drawn = np.ceil(rng.lognormal(np.log(_VIEWS_MEDIAN), _VIEWS_SPREAD, sessions))
    return np.minimum(drawn, MAX_VIEWS).astype(np.int64)


def _moment(rng: np.random.Generator, day: Floats, start: int) -> Ints:
    weight = np.roll(measured.BY_HOUR, -measured.UTC_OFFSET_HOURS).astype(float)
    hour = rng.choice(24, len(day), p=weight / weight.sum())
    clock = hour * HOUR + rng.integers(0, HOUR, len(day))
    return np.asarray(start + day.astype(np.int64) * DAY + (clock - start) % DAY)


# A visitor sees a stretch of the day's shuffled animals from a random place on, so each is shown
# equally often at every position: the log is fit for learning position bias, and other rankings.
class SitePages(msgspec.Struct, frozen=True):
    """Animals by day and species: cell c holds animals[offsets[c]:offsets[c + 1]], shuffled."""

    start: int
    offsets: Ints
    animals: Int32s
    listed: Ints
    adopted: Ints

    @classmethod
    def of(
        cls, stock: AnimalColumns, rng: np.random.Generator, start: int, end: int
    ) -> "SitePages":
        """Lay out the pages of the animals for the days from start to end."""
        first = np.maximum(stock.listed, start) - start
        last = np.minimum(stock.adopted, end) - 1 - start
        days = np.maximum(last // DAY - first // DAY + 1, 0)
        animal = np.repeat(np.arange(len(stock)), days)
        into = np.arange(days.sum()) - np.repeat(np.cumsum(days) - days, days)
        cell = (np.repeat(first // DAY, days) + into) * _KINDS + stock.traits.species[animal]
        order = np.lexsort((rng.random(len(cell)), cell))
        # And an empty day: sessions may outlast the end, by hours.
        cells = (-(-(end - start) // DAY) + 1) * _KINDS
        offsets = np.searchsorted(cell[order], np.arange(cells + 1))
        return cls(start, offsets, animal[order].astype(np.int32), stock.listed, stock.adopted)

    def pages(self, rng: np.random.Generator, moment: Ints, species: Ints, size: int) -> Int32s:
        """A page for each visitor, shape (visitors, size): distinct animals, then -1 to fill."""
        cell = (moment - self.start) // DAY * _KINDS + species
        held = self.offsets[cell + 1] - self.offsets[cell]
        place = (rng.random(len(cell)) * held).astype(np.int64)
        reach = size + _SPARE
        turn = (place[:, None] + np.arange(reach)) % np.maximum(held, 1)[:, None]
        at = np.minimum(self.offsets[cell][:, None] + turn, len(self.animals) - 1)
        page = self.animals[at]
        available = (np.arange(reach) < held[:, None]) & self.available(page, moment[:, None])
        page = np.where(available, page, np.int32(-1))
        holed = np.flatnonzero((~available[:, :size]).any(axis=1))
        order = np.argsort(~available[holed], axis=1, kind="stable")
        page[holed] = np.take_along_axis(page[holed], order, axis=1)
        return page[:, :size]

    def available(self, animal: Int32s, moment: Ints) -> Bools:
        """True if each animal is listed and not yet adopted at the moment; the two broadcast."""
        return np.asarray((self.listed[animal] <= moment) & (moment < self.adopted[animal]))


@dataclass(frozen=True, slots=True)
class Views(Columns):
    """Views as columns of one length."""

    session: Int32s
    step: NDArray[np.int16]
    moment: Ints
    dwell: Int32s
    animal: Int32s
    position: NDArray[np.int8]
    """The place on the page; -1 where the visitor stayed with the same animal."""
    page: Int32s
    """The animals shown, by position: -1 where the page was shorter, all -1 without a page."""


def browse(
    settings: WorldSettings, utility: Utility, site: SitePages, visits: Visits, seed: int
) -> Views:
    """Walk every session; the views come block by block, people first, then bots."""
    last_adopter, last_bot = settings.adopters, settings.adopters + settings.bots
    bots = (visits.visitor >= last_adopter) & (visits.visitor < last_bot)
    parts: list[Views] = []
    for kind, members in enumerate((~bots, bots)):
        rows = np.flatnonzero(members)
        for block in range(0, len(rows), BLOCK):
            rng = np.random.default_rng((seed, kind, block))
            walk = _Walk(settings, None if kind else utility, site, rng)
            parts += walk.through(visits, rows[block : block + BLOCK])
    return Views.joined(parts)


class _Walk(msgspec.Struct, frozen=True):
    settings: WorldSettings
    utility: Utility | None
    site: SitePages
    rng: np.random.Generator

    def through(self, visits: Visits, rows: Ints) -> Iterator[Views]:
        """One step of all these sessions after the other; at each, those with views left."""
        rows = rows[np.argsort(-visits.views[rows], kind="stable")]
        moment = visits.start[rows]
        previous = np.full(len(rows), -1, np.int32)
        for step in range(int(visits.views[rows[0]])):
            going = int(np.searchsorted(-visits.views[rows], -step))
            now, before = moment[:going], previous[:going]
            visitor, species = visits.visitor[rows[:going]], visits.species[rows[:going]]
            page = self.site.pages(self.rng, now, species, self.settings.page_size)
            position = self._choose(visitor, page, before)
            stays = self._stays(now, before)
            position[stays] = -1
            page[stays] = -1
            animal = np.where(stays, before, page[np.arange(going), position])
            dwell = self._dwell(going)
            seen = np.flatnonzero(animal >= 0)
            views = Views(
                session=rows[:going].astype(np.int32),
                step=np.full(going, step, np.int16),
                moment=now.copy(),
                dwell=dwell,
                animal=animal,
                position=position,
                page=page,
            )
            yield views[seen]
            previous[seen] = animal[seen]
            moment[:going] += dwell

    def _choose(self, visitor: Ints, page: Int32s, previous: Int32s) -> NDArray[np.int8]:
        drawn = self.rng.standard_exponential(page.shape, np.float32)
        noise = -np.log(np.maximum(drawn, np.finfo(np.float32).tiny))
        odds = noise + notice_weights(page.shape[1], self.settings.position_bias)
        if self.utility is not None:
            who, before = visitor[:, None], previous[:, None]
            odds += self.utility.of_animals(who, page)
            odds += np.where(before >= 0, self.utility.intent(before, page), np.float32(0))
        odds[(page < 0) | (page == previous[:, None])] = -np.inf
        return np.asarray(odds.argmax(axis=1), np.int8)

    def _stays(self, moment: Ints, previous: Int32s) -> Bools:
        again = self.rng.random(len(previous)) < self.settings.revisit_rate
        available = self.site.available(previous, moment)
        return np.asarray(again & (previous >= 0) & available & (self.utility is not None))

    def _dwell(self, size: int) -> Int32s:
        seconds = self.rng.lognormal(np.log(_DWELL_MEDIAN), _DWELL_SPREAD, size)
        if self.utility is None:
            seconds *= _BOT_PACE
        return np.asarray(np.clip(seconds, 1, 900) * SECOND, np.int32)


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
