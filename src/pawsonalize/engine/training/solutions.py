"""Creates and changes solutions, if they can be trained."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.events import STANDARD, EventTypes
from pawsonalize.engine.training.settings import trained_settings, with_meanings
from pawsonalize.engine.training.tuning import ranges_of
from pawsonalize.kinds.registry import Registry
from pawsonalize.kinds.solutions import Cut, Solution, SolutionVersion

MOST_DAYS: Final = 30
LONGEST_NAME: Final = 63  # names of versions begin with it


@dataclass(frozen=True, slots=True)
class Solutions:
    """The solutions of a registry; `event_types` say what the types that they name mean."""

    registry: Registry
    event_types: EventTypes = STANDARD

    def create(self, solution: Solution, now: int) -> Solution:
        """Store a new solution.

        InvalidInput for a recipe, a setting, an event's weight, a range to tune or a rhythm that
        there cannot be; AlreadyExists, NotFound and LimitExceeded as any resource.
        """
        check_solution(solution, self.event_types)
        return self.registry.create(solution, now)

    def change(self, name: str, change: Callable[[Solution], Solution], now: int) -> Solution:
        """Store what `change` makes of the solution; later versions are trained so.

        InvalidInput as `create`; NotFound if there is none of that name.
        """

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
