"""Calibration of a model of choices: opened animals beside expected ones, and where it is off."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf

TOTAL = "all"
MARGIN = 0.15  # a model is off where opened / expected differs from 1 by more than this…
_MIN_EXPECTED = 200  # …with so many expected openings…
_LUCK = 3.2  # …and standard errors: of forty bins of a right model one passes in 5 of 100 trainings

_SITE = "`pawsonalize check-integration` looks at the site"
# By what bins are told apart: a clause with the bin's name, and advice where to look first.
_WORDS: Mapping[str, tuple[str, str]] = {
    TOTAL: ("animals", f"see what changed lately in what the site shows or reports ({_SITE})"),
    "place": (
        "animals at {}",
        f"see that the site shows every animal of an answer, in its order ({_SITE}), and that"
        " exploration_weight is above 0, so that attention is learned",
    ),
    "days waited": ("animals that waited {}", "see that the inventory says when each came"),
    "distance": ("animals {} away", "see that postcodes are right, and in postcode_table"),
    "times seen": ("animals {} before in the visit", "see that a visit keeps one sessionId"),
    "explored": ("animals placed {}", f"see that events name their recommendationId ({_SITE})"),
    "visit": ("animals in a visitor's {}", "see that a visitor keeps one userId"),
    "answered": (
        "animals shown to visitors who had answered {}",
        "see that picks and quiz are sent with the userId or sessionId that asks for pages",
    ),
    "group": ("animals of {}", "see that its animals are described right"),
}


@dataclass(frozen=True, slots=True)
class CalibrationRow:
    """Places of held-out pages in one bin, opened and expected to be."""

    by: str  # what bins are told apart by, such as `place`; `all` for all places together
    bin: str
    places: int
    opened: int
    expected: float  # by the model, before the pages were shown
    error: float  # standard error of `opened`, as visitors and animals differ

    @property
    def ratio(self) -> float:
        """Opened / expected."""
        return self.opened / self.expected if self.expected else inf

    @property
    def is_judged(self) -> bool:
        """True if enough openings were expected to judge it."""
        return self.expected >= _MIN_EXPECTED

    def is_off(self, rate: float = 1.0) -> bool:
        """True if a model that expects `rate` times as much is off beyond margin and luck."""
        beyond = abs(self.opened - rate * self.expected)
        return self.is_judged and beyond > rate * max(MARGIN * self.expected, _LUCK * self.error)

    @property
    def subject(self) -> str:
        """The bin in words: animals at place 1."""
        return _WORDS[self.by][0].format(self.bin)

    @property
    def sentence(self) -> str:
        """The row in words."""
        often = f"{self.ratio:.2f} times as often as the model expects"
        return f"{self.subject} are opened {often} ({self.opened:,} for {self.expected:,.0f})"

    @property
    def next_move(self) -> str:
        """Advice where to look first."""
        return _WORDS[self.by][1]


Calibration = tuple[CalibrationRow, ...]


def find_off(rows: Calibration) -> Calibration:
    """Return the rows in which a model is off.

    If it is off for all places together, only those that are off beyond that: it is one fault.
    """
    rate = next((row.ratio for row in rows if row.by == TOTAL and row.is_off()), 1.0)
    return tuple(r for r in rows if r.is_off() and (r.by == TOTAL or r.is_off(rate)))


def find_newly_off(rows: Calibration, before: Calibration) -> Calibration:
    """Return the rows in which a model is off, and the one before was judged and right."""
    right = {(row.by, row.bin) for row in before if row.is_judged and not row.is_off()}
    return tuple(row for row in find_off(rows) if (row.by, row.bin) in right)


def describe_off(rows: Calibration) -> list[str]:
    """Return each row in words, with advice where to look first."""
    return [f"{row.sentence}: {row.next_move}" for row in rows]
