"""The filter, promotion and metadata columns of a query."""

from collections.abc import Mapping, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from pawsonalize.domain.errors import InvalidInput, NotFound, PawsonalizeError
from pawsonalize.engine.ingest.decoding.unknown_fields import Form
from pawsonalize.engine.serving.context import Promotion
from pawsonalize.engine.serving.filters import AppliedFilter, apply
from pawsonalize.http.services import Services

MAX_PROMOTIONS = 1

FilterValues = dict[str, str]
MetadataColumns = dict[str, list[str]]
Metadata = dict[str, str | float | None]


class PromotionRequest(Form, frozen=True, rename="camel"):
    """Items that a filter of their own fits, and the share of the places that goes to them."""

    name: str
    """What answers call it."""
    percent_promoted_items: Annotated[int, Meta(ge=1, le=100)]
    """The share of the places, in percent."""
    filter: str
    """Which items: a filter's name, or an expression."""
    filter_values: FilterValues = msgspec.field(default_factory=dict)
    """What the parameters of the filter stand for."""


def read_filter(
    services: Services, group: str, given: str | None, values: FilterValues, where: str = ""
) -> AppliedFilter | None:
    """The dataset group's filter of that name, or the one written out, with its values.

    `where` is the path of the fields `filter` and `filterValues`, for the errors.
    """
    if given is None:
        if values:
            raise InvalidInput(
                "filterValues are of a filter: send it too, or leave them out",
                field=f"{where}filterValues",
            )
        return None
    try:
        expression = services.filters.find(given, dataset_group=group)
    except (InvalidInput, NotFound) as error:
        raise _placed(error, f"{where}filter") from error
    return apply(expression, values, f"{where}filterValues")


def read_promotion(
    services: Services, group: str, given: Sequence[PromotionRequest]
) -> Promotion | None:
    """The promotion of a question, which has one at most."""
    if not given:
        return None
    if len(given) > MAX_PROMOTIONS:
        raise InvalidInput(f"send one promotion at most, not {len(given)}", field="promotions")
    form = given[0]
    applied = read_filter(services, group, form.filter, form.filter_values, "promotions[0].")
    assert applied is not None
    return Promotion(form.name, form.percent_promoted_items, applied)


def read_metadata(
    services: Services,
    group: str,
    item_ids: Sequence[str],
    wanted: Mapping[str, Sequence[str]],
    now: int,
) -> list[Metadata]:
    """The wanted columns of each item; empty where none are wanted."""
    if not wanted:
        return [{} for _ in item_ids]
    metadata = services.filterings.of(group).metadata
    return [dict(row) for row in metadata.select_columns(item_ids, wanted, now)]


def _placed(error: PawsonalizeError, field: str) -> PawsonalizeError:
    return type(error)(error.message, field=field)
