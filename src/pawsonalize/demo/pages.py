"""The site's pages: which animals of a species a visitor may see on a day, and in which order.

Every day the site shuffles the animals of each species; a visitor sees a stretch of
`page_size` of them from a random place on. So every available animal is shown equally often at
every position, whatever the visitor likes: the log is fit for learning position bias and for
judging other rankings.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pawsonalize.demo import calibration as measured
from pawsonalize.demo.stock import AnimalColumns
from pawsonalize.domain.times import DAY

_KINDS = len(measured.SPECIES)
_SPARE = 4  # looked at beyond the page, to fill the places of who is not here yet, or no longer


@dataclass(frozen=True, slots=True)
class SitePages:
    """Animals by day and species: cell c holds `animals[offsets[c]:offsets[c + 1]]`, shuffled.

    A cell has every animal that is available at some moment of the day.
    """

    start: int
    offsets: NDArray[np.int64]
    animals: NDArray[np.int32]
    listed: NDArray[np.int64]
    adopted: NDArray[np.int64]

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
        cells = (
            -(-(end - start) // DAY) + 1
        ) * _KINDS  # and an empty day: sessions may outlast the end, by hours
        offsets = np.searchsorted(cell[order], np.arange(cells + 1))
        return cls(start, offsets, animal[order].astype(np.int32), stock.listed, stock.adopted)

    def cell(self, moment: NDArray[np.int64], species: NDArray[np.int64]) -> NDArray[np.int64]:
        """The cell of a moment (ms since 1970, inside the world) and a species."""
        return np.asarray((moment - self.start) // DAY * _KINDS + species)

    def pages(
        self,
        rng: np.random.Generator,
        moment: NDArray[np.int64],
        species: NDArray[np.int64],
        size: int,
    ) -> NDArray[np.int32]:
        """A page for each visitor, shape (visitors, size): distinct animals, then -1 to fill."""
        cell = self.cell(moment, species)
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

    def available(self, animal: NDArray[np.int32], moment: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether each animal is listed and not yet adopted at the moment; the two broadcast."""
        return np.asarray((self.listed[animal] <= moment) & (moment < self.adopted[animal]))
