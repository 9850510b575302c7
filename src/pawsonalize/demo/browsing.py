"""Sessions of the demo world, walked view by view, all sessions of a block at once."""

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from pawsonalize.demo.pages import SitePages
from pawsonalize.demo.settings import WorldSettings
from pawsonalize.demo.utility import Utility
from pawsonalize.demo.visits import Visits
from pawsonalize.domain.times import SECOND

BLOCK = 16_384  # sessions walked together: enough to vectorise, few enough for little memory
_DWELL_MEDIAN, _DWELL_SPREAD = 35.0, 0.8
_BOT_PACE = 0.05


@dataclass(frozen=True, slots=True)
class Views:
    """Views as columns of one length."""

    session: NDArray[np.int32]
    """Rows of `Visits`."""
    step: NDArray[np.int16]
    moment: NDArray[np.int64]
    dwell: NDArray[np.int32]
    """Time that the visitor looked, in milliseconds."""
    animal: NDArray[np.int32]
    """Rows of `AnimalColumns`."""
    position: NDArray[np.int8]
    """The place on the page; -1 where the visitor stayed with the same animal."""
    page: NDArray[np.int32]
    """The animals shown, by position: -1 where the page was shorter, all -1 without a page."""

    def __len__(self) -> int:
        return len(self.moment)

    def take(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> "Views":
        """These views only, in this order."""
        return Views(*(getattr(self, column.name)[rows] for column in fields(self)))

    @classmethod
    def joined(cls, parts: list["Views"]) -> "Views":
        """One after the other."""
        names = [column.name for column in fields(cls)]
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


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


@dataclass(frozen=True, slots=True)
class _Walk:
    """A walk of people (with their utility) or of bots (without one)."""

    settings: WorldSettings
    utility: Utility | None
    site: SitePages
    rng: np.random.Generator

    def through(self, visits: Visits, rows: NDArray[np.int64]) -> Iterator[Views]:
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
            yield views.take(seen)
            previous[seen] = animal[seen]
            moment[:going] += dwell

    def _choose(
        self, visitor: NDArray[np.int64], page: NDArray[np.int32], previous: NDArray[np.int32]
    ) -> NDArray[np.int8]:
        """The position each visitor picks (Gumbel-max); any where the page is empty."""
        drawn = self.rng.standard_exponential(page.shape, np.float32)
        noise = -np.log(np.maximum(drawn, np.finfo(np.float32).tiny))
        odds = noise + notice_weights(page.shape[1], self.settings.position_bias)
        if self.utility is not None:
            who, before = visitor[:, None], previous[:, None]
            odds += self.utility.of_animals(who, page)
            odds += np.where(before >= 0, self.utility.intent(before, page), np.float32(0))
        odds[(page < 0) | (page == previous[:, None])] = -np.inf
        return np.asarray(odds.argmax(axis=1), np.int8)

    def _stays(self, moment: NDArray[np.int64], previous: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Draw the visitors who look at the same animal again (if it is still there)."""
        again = self.rng.random(len(previous)) < self.settings.revisit_rate
        available = self.site.available(previous, moment)
        return np.asarray(again & (previous >= 0) & available & (self.utility is not None))

    def _dwell(self, size: int) -> NDArray[np.int32]:
        seconds = self.rng.lognormal(np.log(_DWELL_MEDIAN), _DWELL_SPREAD, size)
        if self.utility is None:
            seconds *= _BOT_PACE
        return np.asarray(np.clip(seconds, 1, 900) * SECOND, np.int32)


def notice_weights(size: int, bias: float) -> NDArray[np.float32]:
    """Log weight with which each position of a page is noticed, from 0."""
    return np.asarray(-bias * np.log1p(np.arange(size)), np.float32)
