"""Ranges of settings: what tuning may try, named beside each setting that is worth it.

A setting names its range in its type: `doubt: Annotated[float, Range(0.1, 3.0)] = 0.5`.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, get_type_hints, runtime_checkable

from pawsonalize.domain.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Range:
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


@runtime_checkable
class Drafted(Protocol):
    """Settings of a recipe that learns something costly beside what is tuned."""

    def draft(self) -> Any:
        """The same settings without it."""
        ...


def draft_of(settings: Any) -> Any:
    """The settings that a trial is fitted with."""
    return settings.draft() if isinstance(settings, Drafted) else settings


def tunable(settings: type[Any]) -> dict[str, Range]:
    """The ranges that a settings class names, by setting."""
    named = {}
    for name, hint in get_type_hints(settings, include_extras=True).items():
        for extra in getattr(hint, "__metadata__", ()):
            if isinstance(extra, Range):
                named[name] = extra
    return named


def points(settings: type[Any], ranges: Mapping[str, Range], seed: int) -> Iterator[dict[str, Any]]:
    """Points spread evenly over all ranges, without end; whole numbers for settings that are.

    A scrambled Halton sequence, so the first of many points are the few of a shorter search, and
    each new one falls where the others left most room: better than chance, as even as a grid
    (Bergstra & Bengio, "Random Search for Hyper-Parameter Optimization", JMLR 2012, section 4).
    """
    from scipy.stats import qmc  # noqa: PLC0415 - slow to import, and only tuning needs it

    whole = {name for name, hint in get_type_hints(settings).items() if hint is int}
    names = sorted(ranges)
    # Not `seed=`: SciPy gave it the name that NumPy's generators have, and warns of the old one.
    sequence = qmc.Halton(len(names), rng=seed)
    while True:
        (shares,) = sequence.random(1).tolist()
        values = {name: ranges[name].at(share) for name, share in zip(names, shares, strict=True)}
        yield {name: round(value) if name in whole else value for name, value in values.items()}
