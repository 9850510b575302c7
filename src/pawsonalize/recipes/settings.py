"""Rules that every recipe's settings obey, and the ranges that tuning may try.

A setting names its range in its type: `doubt: Annotated[float, Range(0.1, 3.0)] = 0.5`.
"""

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Protocol, get_type_hints, runtime_checkable

from pawsonalize.domain.errors import InvalidInput


def check_numbers(
    settings: Any, *, above_zero: Collection[str] = (), up_to_one: Collection[str] = ()
) -> None:
    """InvalidInput unless every field of the dataclass is a finite number of at least 0.

    A field that is a bool or a text by its type must be one. Fields named in `above_zero` must
    not be 0, those in `up_to_one` not be above 1.
    """
    flags = {field.name for field in fields(settings) if field.type is bool}
    texts = {field.name for field in fields(settings) if field.type is str}
    for name, value in asdict(settings).items():
        if name in texts:
            if not isinstance(value, str):
                raise InvalidInput(f"{name} must be text, not {value!r:.40}", field=name)
            continue
        if name in flags:
            if not isinstance(value, bool):
                raise InvalidInput(f"{name} must be true or false, not {value!r:.40}", field=name)
            continue
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InvalidInput(f"{name} must be a number, not {value!r:.40}", field=name)
        if not math.isfinite(value) or value < 0:
            raise InvalidInput(f"{name} must be at least 0 and finite, not {value}", field=name)
        if name in above_zero and value == 0:
            raise InvalidInput(f"{name} must be above 0, and is 0", field=name)
        if name in up_to_one and value > 1:
            raise InvalidInput(f"{name} must be at most 1, not {value}", field=name)


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
