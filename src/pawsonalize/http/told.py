"""What a request says of its visitor: its context, and answers of the quiz."""

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.ids import parse_id
from pawsonalize.domain.preferences import SEPARATOR, Preferences
from pawsonalize.engine.decoding import Form
from pawsonalize.engine.event_form import Id
from pawsonalize.engine.told import Told

_MAX_ANSWERS = 16
RequestContext = Annotated[
    dict[str, str | int | float],
    Meta(
        description="What is known of the visit: `DEVICE`, `DISTANCE_KM`, and the categorical"
        " columns of the Interactions schema; other names are ignored."
    ),
]
_Ids = Annotated[list[Id], Meta(extra_json_schema={"maxItems": _MAX_ANSWERS})]


class PreferencesForm(Form, frozen=True):
    """Answers of the quiz: attribute ids of the animals wanted, and who lives with the visitor."""

    species: _Ids = msgspec.field(default_factory=list)
    size: _Ids = msgspec.field(default_factory=list)
    age: _Ids = msgspec.field(default_factory=list)
    kids: bool | None = None
    dogs: bool | None = None
    cats: bool | None = None

    def read(self) -> Preferences:
        """The answers; InvalidInput names a bad one."""
        return Preferences(
            species=_answers(self.species, "species"),
            size=_answers(self.size, "size"),
            age=_answers(self.age, "age"),
            kids=self.kids,
            dogs=self.dogs,
            cats=self.cats,
        )


def read_told(
    context: Mapping[str, str | int | float] | None, preferences: PreferencesForm | None
) -> Told:
    """What the request says; both may be missing."""
    return Told(context or {}, Preferences() if preferences is None else preferences.read())


def _answers(given: list[Id], name: str) -> tuple[str, ...]:
    field = f"preferences.{name}"
    if len(given) > _MAX_ANSWERS:
        raise InvalidInput(f"{field} holds at most {_MAX_ANSWERS} ids", field=field)
    ids = tuple(dict.fromkeys(parse_id(one, field) for one in given))
    if any(SEPARATOR in one for one in ids):
        raise InvalidInput(f"an id in {field} must not contain {SEPARATOR!r}", field=field)
    return ids
