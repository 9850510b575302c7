"""Saved searches: the query of a link to the adoption site, read as rules and in words."""

from dataclasses import replace
from urllib.parse import parse_qsl

import msgspec

from pawsonalize.core.preferences import Preferences
from pawsonalize.recommend.animals.eligibility import Eligibility
from pawsonalize.site.choices import HouseholdRules, in_words, read_preferences
from pawsonalize.site.languages import spoken


class SearchRules(msgspec.Struct, frozen=True):
    """Choices that a link has, with answers of the quiz."""

    choices: HouseholdRules
    answers: Preferences

    @classmethod
    def of(cls, search: str) -> "SearchRules":
        """Read a saved search."""
        given = dict(parse_qsl(search))
        answers = read_preferences(given)
        return cls(HouseholdRules.of(given, answers), answers)

    @property
    def eligibility(self) -> Eligibility:
        """The hard rules. Answers of the quiz are rules here: who is told wished for just that."""
        rules, wanted = self.choices.rules(()), self.answers
        return msgspec.structs.replace(
            rules,
            # Where the search says nothing, the stored profile does.
            kids=rules.kids or None,
            dogs=rules.dogs or None,
            cats=rules.cats or None,
            species=rules.species or frozenset(wanted.species),
            sizes=frozenset(wanted.size),
            ages=frozenset(wanted.age),
        )

    @property
    def in_words(self) -> str:
        """Such as `small dogs, for a home with children, within 50 km`."""
        choices, species = self.choices, self.choices.species
        wanted = replace(self.answers, species=(species,)) if species else self.answers
        speaks, within = spoken(), choices.within
        home = speaks.messages["layout.and"].join(
            text for _, text, chosen in choices.choices if chosen
        )
        far = speaks.distance(float(within)) if within else ""
        parts = [
            in_words(wanted) or speaks.messages["quiz.animals"],
            *([speaks.plain("alerts.for_home", who=home)] if home else []),
            *(text for _, text, chosen in choices.demands if chosen),
            *([speaks.plain("alerts.within", distance=far)] if within else []),
            *([speaks.plain("alerts.written", text=choices.text)] if choices.text else []),
        ]
        return ", ".join(parts)
