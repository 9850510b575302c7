"""Who lives with the visitor, as the address of the page says it, and the rules that follow."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from starlette.requests import Request

from pawsonalize.domain.preferences import Preferences
from pawsonalize.engine.animals.rules import Denied, Rules

_WORDS = {"kids": "children", "dogs": "dogs", "cats": "cats"}

_ASKED = "home"


@dataclass(frozen=True, slots=True)
class Filters:
    """What is chosen on the page: a species, or all, and who the animals must get along with.

    `told` says that the address speaks of the household, be nobody in it.
    """

    species: str | None
    household: tuple[str, ...]
    told: bool = False

    @classmethod
    def of(cls, request: Request, looking_for: Preferences) -> "Filters":
        """What the address says, and where it does not speak of the household, the quiz."""
        given = request.query_params
        if _ASKED in given:
            household = [name for name in _WORDS if given.get(name) == "yes"]
        else:
            household = [name for name in _WORDS if getattr(looking_for, name)]
        return cls(given.get("species"), tuple(household), _ASKED in given)

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
        home = dict.fromkeys((_ASKED, *self.household), "yes")
        query = chosen | (home if self.told or self.household else {}) | more
        return f"/?{urlencode(query)}" if query else "/"

    def without_household(self) -> str:
        """The page with the same species, whoever the visitor lives with."""
        return replace(self, household=(), told=True).path(self.species)

    @property
    def choices(self) -> list[tuple[str, str, bool]]:
        """Each member of a household: its field, what it is called, and whether it is chosen."""
        return [(name, words, name in self.household) for name, words in _WORDS.items()]
