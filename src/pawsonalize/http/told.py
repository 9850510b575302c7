"""What a request says of its visitor: its context, and answers of the quiz."""

from collections.abc import Callable, Mapping
from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.requests import Request

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.ids import parse_id
from pawsonalize.domain.preferences import SEPARATOR, Preferences
from pawsonalize.domain.schemas import DatasetType
from pawsonalize.domain.times import parse_moment
from pawsonalize.domain.wanted import wanted_age, wanted_size, wanted_species
from pawsonalize.engine.ingest.decoding.unknown_fields import Form, bare, check_names
from pawsonalize.engine.ingest.event_form import Id, Moment
from pawsonalize.engine.serving.facets import categorical
from pawsonalize.engine.serving.told import Told
from pawsonalize.http.json import unknown_of
from pawsonalize.http.services import Services

_MAX_ANSWERS = 16
_SAID_AT = "preferences.saidAt"
_OURS = ("DEVICE", "DISTANCE_KM")
_USUAL = frozenset(map(bare, _OURS))
RequestContext = Annotated[
    dict[str, str | int | float],
    Meta(
        description="What is known of the visit: `DEVICE`, `DISTANCE_KM`, and the categorical"
        " columns of the Interactions schema, in any case and with or without `_`."
    ),
]
_Ids = Annotated[list[Id], Meta(extra_json_schema={"maxItems": _MAX_ANSWERS})]


class PreferencesForm(Form, frozen=True):
    """Answers of the quiz: which animals are wanted, and who lives with the visitor.

    Species, sizes and ages are words (`dog`, `large`, `senior`) or ids. `saidAt` is when they were
    given, now if left out: what the visitor looked at before and they speak against counts no more.
    """

    species: _Ids = msgspec.field(default_factory=list)
    size: _Ids = msgspec.field(default_factory=list)
    age: _Ids = msgspec.field(default_factory=list)
    kids: bool | None = None
    dogs: bool | None = None
    cats: bool | None = None
    said_at: Moment | None = msgspec.field(name="saidAt", default=None)

    def read(self) -> Preferences:
        """The answers; InvalidInput names a bad one."""
        return Preferences(
            species=_answers(self.species, "species", wanted_species),
            size=_answers(self.size, "size", wanted_size),
            age=_answers(self.age, "age", wanted_age),
            kids=self.kids,
            dogs=self.dogs,
            cats=self.cats,
            said_at=None if self.said_at is None else parse_moment(self.said_at, _SAID_AT),
        )


async def check_context(
    request: Request, dataset_group: str, context: Mapping[str, object] | None
) -> None:
    """Note names of the context that mean nothing; InvalidInput for one that looks misspelt."""
    unusual = [name for name in context or () if bare(name) not in _USUAL]
    if not unusual:  # as nearly always: then no schema is looked at
        return
    services: Services = request.app.state.services
    catalogue = services.catalogue.of(dataset_group)
    schema = await services.read(catalogue.schema, DatasetType.INTERACTIONS)
    known = {bare(name): name for name in (*categorical(schema), *_OURS)}
    check_names(
        [f"context.{name}" for name in unusual if bare(name) not in known],
        [f"context.{name}" for name in known.values()],
        unknown_of(request),
        noun="field",
    )


def read_told(
    context: Mapping[str, str | int | float] | None, preferences: PreferencesForm | None
) -> Told:
    """What the request says; both may be missing."""
    return Told(context or {}, Preferences() if preferences is None else preferences.read())


def _answers(given: list[Id], name: str, wanted: Callable[[str, str], str]) -> tuple[str, ...]:
    field = f"preferences.{name}"
    if len(given) > _MAX_ANSWERS:
        raise InvalidInput(f"{field} holds at most {_MAX_ANSWERS} ids", field=field)
    ids = tuple(dict.fromkeys(wanted(parse_id(one, field), field) for one in given))
    if any(SEPARATOR in one for one in ids):
        raise InvalidInput(f"an id in {field} must not contain {SEPARATOR!r}", field=field)
    return ids
