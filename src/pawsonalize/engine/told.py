"""What is known of a visitor beside events: what the request says, and what is stored."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pawsonalize.domain.events import Visitor
from pawsonalize.domain.preferences import USER_FACET, Preferences
from pawsonalize.engine.facet_reading import FacetReader, of_preferences
from pawsonalize.recipes.contract import FacetedModel, Model
from pawsonalize.recipes.facets import Facet
from pawsonalize.storage.base import Catalogue, Value


@dataclass(frozen=True, slots=True)
class Told:
    """What a request itself says: its context, such as the device, and answers of the quiz."""

    context: Mapping[str, Value] = field(default_factory=dict)
    preferences: Preferences = field(default_factory=Preferences)


NOTHING = Told()


def reader_for(model: Model) -> FacetReader:
    """Reads the facets that may change the model's answers."""
    return FacetReader.knowing(model.facet_names if isinstance(model, FacetedModel) else ())


def facets_for(
    reader: FacetReader, visitor: Visitor, told: Told, catalogue: Catalogue | None
) -> tuple[Facet, ...]:
    """The visitor's facets, as far as the reader of the model knows them.

    A user's attributes are looked up only for a model that reads some; where the request answers
    a question of the quiz anew, its answer is the one that counts.
    """
    asked = (*reader.of_context(told.context), *of_preferences(told.preferences))
    stored: tuple[Facet, ...] = ()
    if reader.user and catalogue is not None and visitor.user_id is not None:
        user = catalogue.user(visitor.user_id)
        stored = () if user is None else tuple(reader.of_user(user.attributes))
    anew = {name for name, _ in asked if name.startswith(USER_FACET)}
    return (*asked, *(facet for facet in stored if facet[0] not in anew))
