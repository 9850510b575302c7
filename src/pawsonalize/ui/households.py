"""Who lives with the visitor, as the address of the page says it, and the rules that follow."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from starlette.requests import Request

from pawsonalize.domain.preferences import Preferences
from pawsonalize.engine.serving.animals.eligibility import Denied, Eligibility

_WORDS = {"kids": "children", "dogs": "dogs", "cats": "cats"}

_MUST = {"trained": "house-trained", "unaided": "without special needs"}
_ASKED = "home"


@dataclass(frozen=True, slots=True)
class HouseholdRules:
    """What is chosen on the page: a species, or all, and who the animals must get along with."""

    species: str | None
    household: tuple[str, ...]
    is_given: bool = False
    """The address speaks of the household, even if nobody is in it."""
    must: tuple[str, ...] = ()
    """What else is required, by its field."""

    @classmethod
    def of(cls, request: Request, looking_for: Preferences) -> "HouseholdRules":
        """What the address says, and where it does not speak of the household, the quiz."""
        given = request.query_params
        if _ASKED in given:
            household = [name for name in _WORDS if given.get(name) == "yes"]
        else:
            household = [name for name in _WORDS if getattr(looking_for, name)]
        must = tuple(name for name in _MUST if given.get(name) == "yes")
        return cls(given.get("species"), tuple(household), _ASKED in given, must)

    def rules(self, taken_home: Iterable[str]) -> Eligibility:
        """The rules of the answer; who was adopted is not shown."""
        return Eligibility(
            kids="kids" in self.household,
            dogs="dogs" in self.household,
            cats="cats" in self.household,
            house_trained=True if "trained" in self.must else None,
            special_needs=False if "unaided" in self.must else None,
            species=frozenset([self.species] if self.species else []),
            denied=Denied(animals=frozenset(taken_home)),
        )

    def path(self, species: str | None, **more: str) -> str:
        """The page with the same household and another species."""
        chosen = {"species": species} if species else {}
        home = dict.fromkeys((_ASKED, *self.household), "yes")
        query = chosen | (home if self.is_given or self.household else {})
        query |= dict.fromkeys(self.must, "yes") | more
        return f"/?{urlencode(query)}" if query else "/"

    def without_household(self) -> str:
        """The page with the same species, whoever the visitor lives with."""
        return replace(self, household=(), must=(), is_given=True).path(self.species)

    @property
    def choices(self) -> list[tuple[str, str, bool]]:
        """Each member of a household: its field, what it is called, and whether it is chosen."""
        return [(name, words, name in self.household) for name, words in _WORDS.items()]

    @property
    def demands(self) -> list[tuple[str, str, bool]]:
        """The same of what else may be asked for."""
        return [(name, words, name in self.must) for name, words in _MUST.items()]

    @property
    def call(self) -> dict[str, object]:
        """The rules as an API call says them."""
        given: dict[str, object] = {"species": [self.species]} if self.species else {}
        if self.household:
            given["household"] = dict.fromkeys(self.household, True)
        if "trained" in self.must:
            given["houseTrained"] = True
        return given | ({"specialNeeds": "none"} if "unaided" in self.must else {})
