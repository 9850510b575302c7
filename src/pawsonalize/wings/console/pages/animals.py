"""The inventory: who waits, who is hardly seen, what feeds brought, and what values mean."""

from itertools import groupby

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.species import SPECIES_NAMES
from pawsonalize.domain.statuses import AnimalStatus
from pawsonalize.engine.reporting.exposure_report import ExposureShare
from pawsonalize.storage.animal_list import AnimalOrder
from pawsonalize.wings.console.pages.actions import Confirmation, Done, Fields
from pawsonalize.wings.console.pages.shell import Console
from pawsonalize.wings.console.view import ViewQuery
from pawsonalize.wings.console.views.animals import ANY_STATUS, AnimalListing, FeedList
from pawsonalize.wings.feeds.mapping import MEANINGS, ValueMapping

HERE = "/console/animals"
_SEEN, _FEEDS, MEANING = f"{HERE}/seen", f"{HERE}/feeds", f"{HERE}/meaning"
TABS = (("Who waits", HERE), ("Who is seen", _SEEN), ("Feeds", _FEEDS))
_VALUES = 12  # of one respect on the page: colours may be many
_FETCHED = (
    "A feed of that source is fetched again within a minute. Files count when they are imported"
    " again."
)
_FETCHED_LATER = "That counts when the source is fetched or imported next."
_ENOUGH, _LITTLE, _LEAST = 5, 0.7, 5
_ORDERS = {
    AnimalOrder.WAITING: "Waits longest",
    AnimalOrder.SHOWN: "Shown least",
    AnimalOrder.NEWEST: "Listed last",
}


def animals_content(_query: ViewQuery, _found: AnimalListing) -> dict[str, object]:
    """Return the choices of the filters."""
    return {
        "statuses": [*AnimalStatus, ANY_STATUS],
        "species": list(SPECIES_NAMES.values()),
        "orders": _ORDERS,
    }


def seen_content(_query: ViewQuery, shares: list[ExposureShare]) -> dict[str, object]:
    """Return shares of the animals and of what was shown, by respect."""
    by_respect = {respect: list(some) for respect, some in groupby(shares, lambda one: one.by)}
    of_one = by_respect.get("species", [])  # every animal has one
    animals, times = sum(one.animals for one in of_one), sum(one.shown for one in of_one)
    too_little = times < _ENOUGH * animals
    return {
        "shares": {respect: some[:_VALUES] for respect, some in by_respect.items()},
        "least": [] if too_little else _least_seen(shares),
        "too_little": too_little,
        "animals": animals,
        "shown_times": times,
        "most_values": _VALUES,
    }


def feeds_content(_query: ViewQuery, found: FeedList) -> dict[str, object]:
    """Return the feeds, and the meanings that a value may get."""
    return {
        "feeds": found.feeds,
        "choices": {name: list(all_of) for name, all_of in MEANINGS.items() if name != "breed"},
        "breeds": list(MEANINGS["breed"]) if any(one.unrecognised for one in found.feeds) else [],
    }


def ask_meaning(_console: Console, fields: Fields) -> Confirmation:
    """Say what a meaning changes."""
    source, field, value, meaning = _told(fields)
    whose = f"source {source}" if source else "the animals without a source"
    if meaning:
        ValueMapping.of({field: {value: meaning}})
        effect = f"From the next import on, the {field} “{value}” of {whose} counts as {meaning}."
    else:
        effect = f"What was said of the {field} “{value}” of {whose} is forgotten."
    return Confirmation(
        title=f"Say what this {field} means" if meaning else f"Forget what this {field} means",
        effects=(effect, _FETCHED if meaning else _FETCHED_LATER),
        button="Say so" if meaning else "Forget it",
        back=_FEEDS,
        fields={"source": source, "field": field, "value": value, "meaning": meaning},
    )


def say_meaning(console: Console, fields: Fields) -> Done:
    """Store it."""
    source, field, value, meaning = _told(fields)
    console.views.inventory.say(source, field, value, meaning, console.now())
    done = f"counts as {meaning} from the next import on" if meaning else "has no meaning any more"
    return Done(_FEEDS, f"The {field} “{value[:80]}” {done}.", target=field)


def _told(fields: Fields) -> tuple[str, str, str, str]:
    if not fields.get("field") or not fields.get("value"):
        raise InvalidInput("say which value of which field: go back, and choose one")
    meaning = fields.get("meaning", "").strip()
    return fields.get("source", ""), fields["field"], fields["value"], meaning


def _least_seen(shares: list[ExposureShare]) -> list[ExposureShare]:
    """The kinds of animals that are shown far less than there are of them."""
    rated = [(one.ratio, one) for one in shares if one.ratio is not None and one.animals >= _ENOUGH]
    least = sorted((ratio, place) for place, (ratio, _) in enumerate(rated) if ratio < _LITTLE)
    return [rated[place][1] for _, place in least[:_LEAST]]
