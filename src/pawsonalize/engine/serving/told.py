"""What is known of a visitor besides events: from the request, and stored attributes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pawsonalize.domain.events import Visitor
from pawsonalize.domain.preferences import (
    PREFERRED,
    PREFERRED_AT,
    USER_FACET,
    Preferences,
    Wish,
)
from pawsonalize.engine.serving.facets import FacetReader, of_preferences, values_of
from pawsonalize.recipes.contract import FacetedModel, Model
from pawsonalize.recipes.facets import Facet
from pawsonalize.storage.base import Catalogue, Value


@dataclass(frozen=True, slots=True)
class Told:
    """The context of a request, such as the device, and its answers of the quiz."""

    context: Mapping[str, Value] = field(default_factory=dict)
    preferences: Preferences = field(default_factory=Preferences)


NOTHING = Told()


def reader_for(model: Model) -> FacetReader:
    """Reads the facets that may change the model's answers."""
    return FacetReader.knowing(model.facet_names if isinstance(model, FacetedModel) else ())


@dataclass(frozen=True, slots=True)
class Known:
    """The visitor's facets, and the answers of the quiz with their moment."""

    facets: tuple[Facet, ...] = ()
    wishes: tuple[Wish, ...] = ()


def known_of(
    reader: FacetReader, visitor: Visitor, told: Told, at: int, catalogue: Catalogue | None
) -> Known:
    """What is known of the visitor as of `at`, as far as the model's reader knows it.

    A user's attributes are looked up only if the model reads some. If the request answers a
    question of the quiz, that answer wins over the stored one.
    """
    asked = (*reader.of_context(told.context), *of_preferences(told.preferences))
    wishes = told.preferences.wishes(at)
    if not reader.user or catalogue is None or visitor.user_id is None:
        return Known(asked, wishes)
    user = catalogue.user(visitor.user_id)
    if user is None:
        return Known(asked, wishes)
    anew = {name for name, _ in asked if name.startswith(USER_FACET)}
    stored = (facet for facet in reader.of_user(user.attributes) if facet[0] not in anew)
    again = {wish.attribute for wish in wishes}
    before = (wish for wish in stored_wishes(user.attributes) if wish.attribute not in again)
    return Known((*asked, *stored), (*wishes, *before))


def stored_wishes(attributes: Mapping[str, Value]) -> Iterator[Wish]:
    """The stored answers of the quiz; none if their moment is not stored."""
    said_at = attributes.get(PREFERRED_AT)
    if not isinstance(said_at, int | float):
        return
    for name, attribute in PREFERRED.items():
        if ids := values_of(attributes.get(name)):
            yield Wish(attribute, frozenset(ids), int(said_at))
