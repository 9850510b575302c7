"""Event types that nobody gave a meaning: they count as views, and are told of."""

from collections.abc import Callable, Iterable

from pawsonalize.domain.event_types import EventTypes, spelled
from pawsonalize.domain.events import ACTIONS, Event
from pawsonalize.engine.resources.registry import Registry
from pawsonalize.engine.resources.solutions import Solution

_MOST_NAMES = 20
_LONGEST_NAME = 64
OTHERS = "other types"


def named_types(registry: Registry) -> dict[str, frozenset[str]]:
    """The types that solutions name themselves, by dataset group, as spelled.

    Those need no meaning: whoever trains on them said so.
    """
    found: dict[str, set[str]] = {}
    for solution in registry.all(Solution):
        names = (spelled(one.event_type) for one in solution.selection.events)
        found.setdefault(solution.dataset_group, set()).update(names)
    return {group: frozenset(names) for group, names in found.items()}


class UnknownTypes:
    """Tells of types as their events come in; at most 20 by name, the others together."""

    def __init__(
        self,
        event_types: EventTypes,
        named: Callable[[], dict[str, frozenset[str]]],
        tell: Callable[[str], None],
    ) -> None:
        self._event_types = event_types
        self._named = named
        self._tell = tell
        self._told: set[str] = set()

    def among(self, events: Iterable[Event]) -> list[Event]:
        """Those of the events whose type has no meaning."""
        knows = self._event_types.knows
        return [
            one
            for one in events
            if not knows(one.event_type) and not one.dataset_group.endswith(ACTIONS)
        ]

    def note(self, events: Iterable[Event]) -> None:
        """Tell of these, but for types that a solution of their dataset group names."""
        named = self._named()
        for event in events:
            if spelled(event.event_type) in named.get(event.dataset_group, ()):
                continue
            name = event.event_type[:_LONGEST_NAME]
            if len(self._told) < _MOST_NAMES:
                self._told.add(name)
            self._tell(name if name in self._told else OTHERS)
