"""Creates and changes solutions, if they can be trained."""

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any, Final, TypeVar

import msgspec
from msgspec.structs import replace

from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.event import STANDARD, EventTypes
from pawsonalize.models.recipes.catalogue import recipe_named
from pawsonalize.models.recipes.settings import Range, points, tunable
from pawsonalize.resources.datasets import DatasetGroup
from pawsonalize.resources.defaults import DATASET_GROUP
from pawsonalize.resources.group_limits import NO_LIMITS, changed_limits
from pawsonalize.resources.registry import Registry
from pawsonalize.resources.solutions import (
    Cut,
    EventParameters,
    Solution,
    SolutionVersion,
    TrainingSelection,
    Tuning,
)
from pawsonalize.train.retraining.schedule import read_schedule

SettingsT = TypeVar("SettingsT", bound=msgspec.Struct)


class DatasetGroups(msgspec.Struct, frozen=True):
    """The dataset groups of a registry."""

    registry: Registry

    def create(
        self, name: str, now: int, limits: Mapping[str, Any] | None = None, **fields: Any
    ) -> DatasetGroup:
        """Create a dataset group; InvalidInput names a limit that cannot be."""
        found = changed_limits(NO_LIMITS, limits or {}, _check_schedule)
        return self.registry.create(DatasetGroup(name=name, limits=found, **fields), now)

    def change(self, name: str, limits: Mapping[str, object], now: int) -> DatasetGroup:
        """Change limits of a dataset group, within a second; None takes a limit away."""
        if name == DATASET_GROUP and limits.get("retrain_schedule") is not None:
            raise InvalidInput(
                f"dataset group {DATASET_GROUP} is retrained by the setting retrain_schedule:"
                " change that",
                field="limits.retrainSchedule",
            )

        def changed(group: DatasetGroup) -> DatasetGroup:
            found = changed_limits(group.limits, limits, _check_schedule)
            return msgspec.structs.replace(group, limits=found)

        return self.registry.change(DatasetGroup, name, changed, now)


def _check_schedule(text: str) -> None:
    if read_schedule(text, "UTC") is None:
        raise InvalidInput(
            "a schedule is cron's five fields, rate(…) or never; null: with all others",
            field="limits.retrainSchedule",
        )


_VALUED = "value_weighted_events"
_OTHERS = "other_event_weights"


def read_settings(kind: type[SettingsT], given: Mapping[str, object]) -> SettingsT:
    """Build a recipe's settings from plain values; InvalidInput names an unknown or bad one."""
    known = kind.__struct_fields__
    for name in given:
        if name not in known:
            raise InvalidInput(
                f"there is no setting {name}; there are {', '.join(known)}", field="settings"
            )
    try:
        # Not strict, as settings of commands and files are texts.
        return msgspec.convert(dict(given), kind, strict=False)
    except (msgspec.ValidationError, ValueError) as error:
        raise InvalidInput(f"a recipe setting is wrong: {error}", field="settings") from error


def trained_settings(version: SolutionVersion) -> Any:
    """The settings of a training; InvalidInput for a recipe, setting or weight that is unknown."""
    kind = recipe_named(version.recipe).settings
    known = kind.__struct_fields__
    # What tuning found wins over the version's own, and event parameters over both.
    settings = {**version.settings, **({} if version.tuned is None else version.tuned.settings)}
    weighed: dict[str, EventParameters] = {}
    others: dict[str, float] = {}
    for event in version.selection.events:
        if event.weight is None:
            continue
        meaning = _meaning(event)
        setting = f"{meaning}_weight"
        if not STANDARD.knows(meaning) and _OTHERS in known:
            others[meaning] = event.weight
            continue
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
    if others:
        settings[_OTHERS] = msgspec.json.encode(others).decode()
    valued = [_meaning(event) for event in version.selection.events if event.value_weighting]
    if valued:
        if _VALUED not in known:
            raise InvalidInput(
                f"{version.recipe} does not read the values of events: leave value_weighting out",
                field="value_weighting",
            )
        settings[_VALUED] = ",".join(valued)
    return read_settings(kind, settings)


def _meaning(event: EventParameters) -> str:
    return event.meaning or STANDARD.meaning(event.event_type)


def with_meanings(selection: TrainingSelection, types: EventTypes) -> TrainingSelection:
    """The selection with the present meaning of its types."""
    # A later change of the setting does not alter it.
    named = (
        msgspec.structs.replace(one, meaning=types.meaning(one.event_type))
        for one in selection.events
    )
    return msgspec.structs.replace(selection, events=tuple(named))


MOST_DAYS: Final = 30
LONGEST_NAME: Final = 63  # names of versions begin with it


class Solutions(msgspec.Struct, frozen=True):
    """The solutions of a registry; `event_types` say what the types that they name mean."""

    registry: Registry
    event_types: EventTypes = STANDARD

    def create(self, solution: Solution, now: int) -> Solution:
        """Store a new solution; InvalidInput for what could never be trained."""
        check_solution(solution, self.event_types)
        return self.registry.create(solution, now)

    def change(self, name: str, change: Callable[[Solution], Solution], now: int) -> Solution:
        """Store what `change` makes of the solution, for later versions; errors as `create`."""

        def checked(solution: Solution) -> Solution:
            changed = change(solution)
            check_solution(changed, self.event_types)
            return changed

        return self.registry.change(Solution, name, checked, now)


def check_solution(solution: Solution, event_types: EventTypes = STANDARD) -> None:
    """InvalidInput for a solution that could never be trained."""
    if len(solution.name) > LONGEST_NAME:
        raise InvalidInput(
            f"a solution's name has at most {LONGEST_NAME} characters, not {len(solution.name)}:"
            " its versions are called after it",
            field="name",
        )
    days = solution.auto_training_days
    if days is not None and not 1 <= days <= MOST_DAYS:
        raise InvalidInput(
            f"a solution is trained by itself every 1 to {MOST_DAYS} days, not every {days}",
            field="autoTrainingDays",
        )
    # Read as a training would read it, so that what is wrong is named now.
    trained_settings(
        SolutionVersion(
            name=solution.name,
            solution=solution.name,
            recipe=solution.recipe,
            settings=solution.settings,
            selection=with_meanings(solution.selection, event_types),
            cut=Cut(0, 0),
        )
    )
    if solution.tuning is not None:
        ranges_of(solution.tuning, solution)


_REFUSED = 50  # points skipped at most for one that the recipe takes

Setting = Mapping[str, Any]


def random_seed(version: SolutionVersion) -> int:
    """The version's seed as random generators take it."""
    # They refuse numbers below 0.
    return version.seed % 2**31


def ranges_of(tuning: Tuning, trained: Solution | SolutionVersion) -> dict[str, Range]:
    """The ranges that the tuning names, else the recipe's own; InvalidInput if there is no such."""
    kind = recipe_named(trained.recipe).settings
    weighed = {f"{event.event_type}_weight" for event in trained.selection.events}
    if not tuning.ranges:  # a setting that you chose stays
        own = tunable(kind)
        return {name: own[name] for name in own if name not in {*trained.settings, *weighed}}
    numbers = {field.name for field in msgspec.structs.fields(kind) if field.type is not bool}
    for name in tuning.ranges:
        if name not in numbers or name in weighed:
            left = ", ".join(sorted(numbers - weighed))
            raise InvalidInput(f"{name} cannot be tuned; what can: {left}", field="ranges")
    return dict(tuning.ranges)


def _allowed_points(given: Any, ranges: Mapping[str, Range], seed: int) -> Iterator[Setting]:
    refused = 0
    for point in points(type(given), ranges, seed):
        try:
            replace(given, **point)
        except InvalidInput as error:
            refused += 1
            if refused > _REFUSED:
                raise InvalidInput(
                    f"hardly any settings within the ranges are allowed: {error.message}",
                    field="ranges",
                ) from error
            continue
        refused = 0
        yield point


def planned_trials(version: SolutionVersion) -> list[Setting]:
    """Return the changes of the settings, trial by trial; InvalidInput if none are possible."""
    if version.tuning is None:
        return []
    given, ranges = trained_settings(version), ranges_of(version.tuning, version)
    others = islice(_allowed_points(given, ranges, random_seed(version)), version.tuning.trials - 1)
    return [{}, *(others if ranges else ())]  # the first is the given settings
