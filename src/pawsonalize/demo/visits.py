"""Visits of the demo world: sessions, with length, species looked for and moment of login."""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from pawsonalize.demo import calibration as measured
from pawsonalize.demo.adopters import Affinities
from pawsonalize.demo.settings import WorldSettings
from pawsonalize.domain.times import DAY, HOUR

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


@dataclass(frozen=True, slots=True)
class Visits:
    """Sessions as columns, in order of their start."""

    visitor: NDArray[np.int64]
    """Rows of `Affinities`."""
    start: NDArray[np.int64]
    """Milliseconds since 1970."""
    views: NDArray[np.int64]
    species: NDArray[np.int64]
    """Positions in `calibration.SPECIES`."""
    login: NDArray[np.int64]
    """From which view on the user id is known: 0 for all, `NEVER` for none."""

    def __len__(self) -> int:
        return len(self.start)

    def take(self, rows: NDArray[np.int64] | slice) -> "Visits":
        """These sessions only, in this order."""
        return Visits(*(getattr(self, column.name)[rows] for column in fields(self)))


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
    return visits.take(order[visits.start[order] < ended])  # some guests would come back later


_Part = tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]


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
    """Guests look around for a day or two."""
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
    """Sessions of people that bring the events wanted."""
    per_session = mean_views() * (1 + sum(measured.FUNNEL_RATES))
    bots = settings.bot_share if settings.bots else 0
    return max(1, round(settings.events * (1 - bots) / per_session / _HAPPENS))


def mean_views() -> float:
    """Expected views of a session: the rounding up adds about one half."""
    return float(_VIEWS_MEDIAN * np.exp(_VIEWS_SPREAD**2 / 2) + 0.5)


def _views(rng: np.random.Generator, sessions: int) -> NDArray[np.int64]:
    drawn = np.ceil(rng.lognormal(np.log(_VIEWS_MEDIAN), _VIEWS_SPREAD, sessions))
    return np.minimum(drawn, MAX_VIEWS).astype(np.int64)


def _moment(rng: np.random.Generator, day: NDArray[np.float64], start: int) -> NDArray[np.int64]:
    """Moments of the days, at an hour people visit."""
    weight = np.roll(measured.HOUR_WEIGHT, -measured.UTC_OFFSET_HOURS).astype(float)
    hour = rng.choice(24, len(day), p=weight / weight.sum())
    clock = hour * HOUR + rng.integers(0, HOUR, len(day))
    return np.asarray(start + day.astype(np.int64) * DAY + (clock - start) % DAY)
