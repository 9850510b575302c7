"""A recipe's settings from plain values, and from a solution's event parameters."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import msgspec

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.events import STANDARD, EventTypes
from pawsonalize.kinds.solutions import (
    EventParameters,
    SolutionVersion,
    TrainingSelection,
)
from pawsonalize.recipes.catalogue import recipe_named

_VALUED = "value_weighted_events"


def read_settings(kind: type[Any], given: Mapping[str, Any]) -> Any:
    """Build a recipe's settings from plain values; InvalidInput names an unknown or bad one."""
    known = [field.name for field in fields(kind)]
    for name in given:
        if name not in known:
            raise InvalidInput(
                f"there is no setting {name}; there are {', '.join(known)}", field="settings"
            )
    try:
        return msgspec.convert(dict(given), kind, strict=False)
    except (msgspec.ValidationError, ValueError) as error:
        raise InvalidInput(f"a recipe setting is wrong: {error}", field="settings") from error


def trained_settings(version: SolutionVersion) -> Any:
    """The settings of a training: the version's own, then what tuning found.

    The solution's event parameters win over both. InvalidInput for an unknown recipe or setting,
    and for a weight that the recipe does not have.
    """
    kind = recipe_named(version.recipe).settings
    known = {field.name for field in fields(kind)}
    settings = {**version.settings, **({} if version.tuned is None else version.tuned.settings)}
    weighed: dict[str, EventParameters] = {}
    for event in version.selection.events:
        if event.weight is None:
            continue
        meaning = event.meaning or STANDARD.meaning(event.event_type)
        setting = f"{meaning}_weight"
        if setting not in known:
            raise InvalidInput(
                f"{version.recipe} has no weight for events of type {event.event_type}:"
                " leave the weight out",
                field="weight",
            )
        other = weighed.setdefault(setting, event)
        if other.weight != event.weight:
            raise InvalidInput(
                f"{other.event_type} and {event.event_type} both mean {meaning}: give them one"
                " weight",
                field="weight",
            )
        settings[setting] = event.weight
    valued = [
        event.meaning or STANDARD.meaning(event.event_type)
        for event in version.selection.events
        if event.value_weighting
    ]
    if valued:
        if _VALUED not in known:
            raise InvalidInput(
                f"{version.recipe} does not read the values of events: leave value_weighting out",
                field="value_weighting",
            )
        settings[_VALUED] = ",".join(valued)
    return read_settings(kind, settings)


def with_meanings(selection: TrainingSelection, types: EventTypes) -> TrainingSelection:
    """The selection with the present meaning of its types, which a later change does not alter."""
    named = (
        msgspec.structs.replace(one, meaning=types.meaning(one.event_type))
        for one in selection.events
    )
    return msgspec.structs.replace(selection, events=tuple(named))
