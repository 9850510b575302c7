"""From looking to a new home: favourites, inquiries, applications, adoptions."""

import numpy as np
from numpy.typing import NDArray

from pawsonalize.demo import calibration as measured
from pawsonalize.demo.browsing import Views
from pawsonalize.demo.log import ADOPTION, APPLICATION, FAVORITE, INQUIRY, VIEW, EventColumns
from pawsonalize.demo.settings import WorldSettings
from pawsonalize.demo.stock import AnimalColumns
from pawsonalize.demo.utility import Utility
from pawsonalize.demo.visits import Visits
from pawsonalize.domain.times import DAY, HOUR

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
    taken = known[_adopting(stock, viewed.take(known), wanted[known], rng, end)]
    parts = [viewed, _adoptions(viewed, stock, taken)]
    score = np.where(bot, -np.inf, _standardised(wanted, ~bot))
    for kind, rate in zip((FAVORITE, INQUIRY, APPLICATION), measured.FUNNEL_RATES, strict=True):
        goes = rng.random(len(views)) < chance(rate, score)
        if kind == APPLICATION:
            goes[taken] = True
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
    """Which of these views led to the animal's adoption.

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
    viewed: EventColumns, stock: AnimalColumns, taken: NDArray[np.int64]
) -> EventColumns:
    seen = viewed.take(taken)
    nothing = np.full(len(taken), -1)
    return EventColumns(
        moment=stock.adopted[seen.animal],
        kind=np.full(len(taken), ADOPTION, np.int8),
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
