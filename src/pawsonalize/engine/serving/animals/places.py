"""Where animals are: each place once, so that its distance to a visitor is found once."""

from math import nan

import numpy as np
from numpy.typing import NDArray

from pawsonalize.engine.serving.animals.distance import Place, kilometres

Floats = NDArray[np.float64]

NOWHERE = 0
"""The code of the place that nobody knows."""


class Places:
    """Codes of places, given when one is first met; thousands of animals share a shelter's."""

    def __init__(self) -> None:
        self._codes: dict[Place | None, int] = {None: NOWHERE}
        self._points: list[tuple[float, float]] = [(nan, nan)]
        self._last: tuple[Place, Floats] | None = None

    def code(self, place: Place | None) -> int:
        """The place's; NOWHERE for None."""
        code = self._codes.setdefault(place, len(self._points))
        if place is not None and code == len(self._points):
            self._points.append((place.latitude, place.longitude))
        return code

    def kilometres(self, here: Place) -> Floats:
        """How far each place is, by its code; NaN for NOWHERE. The last answer is remembered."""
        if self._last is None or self._last[0] != here or len(self._last[1]) < len(self._points):
            latitude, longitude = np.array(self._points).T
            self._last = here, kilometres(here, latitude, longitude)
        return self._last[1]
