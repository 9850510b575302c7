"""Rules that every recipe's settings obey."""

import math
from collections.abc import Collection
from dataclasses import asdict, fields
from typing import Any

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
                raise InvalidInput(f"{name} must be text", field=name)
            continue
        if name in flags:
            if not isinstance(value, bool):
                raise InvalidInput(f"{name} must be true or false", field=name)
            continue
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InvalidInput(f"{name} must be a number", field=name)
        if not math.isfinite(value) or value < 0:
            raise InvalidInput(f"{name} must be at least 0 and finite", field=name)
        if name in above_zero and value == 0:
            raise InvalidInput(f"{name} must be above 0", field=name)
        if name in up_to_one and value > 1:
            raise InvalidInput(f"{name} must be at most 1", field=name)
