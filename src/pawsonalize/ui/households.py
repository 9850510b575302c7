"""Who lives with the visitor, as the address of the page says it, and the rules that follow."""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.requests import Request

from pawsonalize.engine.animals.rules import Denied, Rules

_WORDS = {"kids": "children", "dogs": "dogs", "cats": "cats"}


@dataclass(frozen=True, slots=True)
class Filters:
    """What is chosen on the page: a species, or all, and who the animals must get along with."""

    species: str | None
    household: tuple[str, ...]

    @classmethod
    def of(cls, request: Request) -> "Filters":
        """What the address says."""
        given = request.query_params
        return cls(given.get("species"), tuple(name for name in _WORDS if given.get(name) == "yes"))

    def rules(self, taken_home: Iterable[str]) -> Rules:
        """The rules of the answer; who was adopted is not shown."""
        return Rules(
            kids="kids" in self.household,
            dogs="dogs" in self.household,
            cats="cats" in self.household,
            species=frozenset([self.species] if self.species else []),
            denied=Denied(animals=frozenset(taken_home)),
        )

    def path(self, species: str | None, **more: str) -> str:
        """The page with the same household and another species."""
        chosen = {"species": species} if species else {}
        query = chosen | dict.fromkeys(self.household, "yes") | more
        return f"/?{urlencode(query)}" if query else "/"

    @property
    def choices(self) -> list[tuple[str, str, bool]]:
        """Each member of a household: its field, what it is called, and whether it is chosen."""
        return [(name, words, name in self.household) for name, words in _WORDS.items()]
