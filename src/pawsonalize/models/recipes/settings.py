"""Rules of recipes' settings, and `Range`s for tuning in their `Annotated` types."""

import math
from collections.abc import Collection, Iterator, Mapping
from enum import Enum, auto
from typing import Annotated, Any, get_type_hints

import msgspec

from pawsonalize.core.errors import InvalidInput


class Bound(Enum):
    """Rules of a number beside those that all obey."""

    ABOVE_ZERO = auto()
    UP_TO_ONE = auto()
    FROM_ONE = auto()


Positive = Annotated[float, Bound.ABOVE_ZERO]
Share = Annotated[float, Bound.UP_TO_ONE]
Count = Annotated[int, Bound.FROM_ONE]


class RecipeSettings(msgspec.Struct, frozen=True):
    """Base of all recipes' settings. Numbers are finite and at least 0."""

    def __post_init__(self) -> None:
        hints = get_type_hints(type(self), include_extras=True)
        for name in self.__struct_fields__:
            bounds = getattr(hints[name], "__metadata__", ())
            if fault := _fault(getattr(self, name), hints[name], bounds):
                raise InvalidInput(f"{name} must be {fault}", field=name)

    def draft(self) -> "RecipeSettings":
        """The settings that a trial is fitted with, without what is costly and not tuned."""
        return self


def _fault(value: object, kind: object, bounds: Collection[object]) -> str | None:
    if kind is str:
        return None if isinstance(value, str) else f"text, not {value!r:.40}"
    if kind == bool | None and value is None:
        return None
    if kind in (bool, bool | None):
        return None if isinstance(value, bool) else f"true or false, not {value!r:.40}"
    # To Python true and false are numbers.
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"a number, not {value!r:.40}"
    faults = {
        f"at least 0 and finite, not {value}": not math.isfinite(value) or value < 0,
        f"at least 1, not {value}": Bound.FROM_ONE in bounds and value < 1,
        "above 0, and is 0": Bound.ABOVE_ZERO in bounds and value == 0,
        f"at most 1, not {value}": Bound.UP_TO_ONE in bounds and value > 1,
    }
    return next(filter(faults.get, faults), None)


class Range(msgspec.Struct, frozen=True):
    """From `low` to `high`, both included; with `log` each doubling is as likely as the next."""

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low <= self.high):
            raise InvalidInput(
                "a range goes from a finite low to a high that is not below it", field="ranges"
            )
        if self.log and self.low <= 0:
            raise InvalidInput("a range on a log scale begins above 0", field="ranges")

    def at(self, share: float) -> float:
        """The value that leaves `share`, 0 to 1, of the range below it."""
        if self.log:
            return float(self.low * (self.high / self.low) ** share)
        return self.low + (self.high - self.low) * share


def tunable(settings: type[Any]) -> dict[str, Range]:
    """The ranges that a settings class names, by setting."""
    named = {}
    for name, hint in get_type_hints(settings, include_extras=True).items():
        for extra in getattr(hint, "__metadata__", ()):
            if isinstance(extra, Range):
                named[name] = extra
    return named


def points(settings: type[Any], ranges: Mapping[str, Range], seed: int) -> Iterator[dict[str, Any]]:
    """Points spread evenly over all ranges, without end; whole numbers for settings that are."""
    from scipy.stats import qmc  # noqa: PLC0415 - slow to import, and only tuning needs it

    whole = {name for name, hint in get_type_hints(settings).items() if hint is int}
    names = sorted(ranges)
    # A scrambled Halton sequence: each point falls where the others left most room (Bergstra and
    # Bengio, JMLR 2012, section 4). Not `seed=`: SciPy renamed it, and warns of the old name.
    sequence = qmc.Halton(len(names), rng=seed)
    while True:
        (shares,) = sequence.random(1).tolist()
        values = {name: ranges[name].at(share) for name, share in zip(names, shares, strict=True)}
        yield {name: round(value) if name in whole else value for name, value in values.items()}
