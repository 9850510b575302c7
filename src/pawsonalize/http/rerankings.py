"""POST /v1/rerankings: in which order should this list be shown?"""

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.ids import parse_id
from pawsonalize.engine.ingest.decoding.unknown_fields import Form
from pawsonalize.engine.ingest.event_form import AnimalMetadata, Id, Moment
from pawsonalize.engine.resources.defaults import DATASET_GROUP
from pawsonalize.engine.serving.animals.ranking import AnimalAnswer, Asked, Individuals
from pawsonalize.engine.serving.directory import Purpose
from pawsonalize.engine.serving.recommender import MAX_RESULTS, Candidate, RankingAnswer
from pawsonalize.http.addressing import (
    Answering,
    CampaignName,
    DatasetGroupName,
    address_of,
    answering,
    individuals_for,
)
from pawsonalize.http.animal_answers import is_detailed
from pawsonalize.http.filtering import (
    FilterValues,
    Metadata,
    MetadataColumns,
    read_filter,
    read_metadata,
)
from pawsonalize.http.json import read_form
from pawsonalize.http.ranking_answers import animal_ranking_response, ranking_response
from pawsonalize.http.services import Services
from pawsonalize.http.told import PreferencesForm, RequestContext, check_context, read_told
from pawsonalize.http.visitor import read_at, read_visitor
from pawsonalize.http.wishes import WishFields, check_of_groups, read_wishes, told_of_home


class ItemMetadata(Form, frozen=True, rename="camel"):
    """One place of the list: an animal, by the caller's id, and its attributes.

    An animal of the inventory needs none. In another dataset group than the default
    one, any other id without them is an item of that group.
    """

    item_id: Id
    animal_metadata: AnimalMetadata | None = None


class RerankingRequest(WishFields, frozen=True, rename="camel", kw_only=True):
    """A list of 1 to 500 animals to order for a user or a session.

    Of groups, everybody of the list is in the answer, in the order of their groups. Of animals,
    those of the inventory that are available and that the rules allow. What does not pass the
    filter, a name or an expression, is left out of the answer.
    """

    item_metadata_list: Annotated[
        list[ItemMetadata], Meta(extra_json_schema={"minItems": 1, "maxItems": MAX_RESULTS})
    ]
    user_id: Id | None = None
    session_id: Id | None = None
    dataset_group: DatasetGroupName = None
    campaign: CampaignName = None
    filter: str | None = None
    filter_values: FilterValues = msgspec.field(default_factory=dict)
    metadata_columns: MetadataColumns = msgspec.field(default_factory=dict)
    at: Moment | None = None
    context: RequestContext | None = None
    preferences: PreferencesForm | None = None


_REQUEST = msgspec.json.Decoder(RerankingRequest)


async def post_rerankings(request: Request) -> Response:
    """Order the list; ties keep its order, and what nothing is known of comes last in it."""
    services: Services = request.app.state.services
    asked = await read_form(request, _REQUEST)
    if asked.user_id is None and asked.session_id is None:
        raise InvalidInput("userId is missing: send it, or a sessionId", field="userId")
    address = address_of(request, asked.dataset_group, asked.campaign)
    is_full = is_detailed(request)
    now = services.now()
    if asked.of == "animals":
        whom = await individuals_for(services, address, Purpose.RANKING)
        await check_context(request, DATASET_GROUP, asked.context)
        found = await services.read(_rerank_animals, services, whom, asked, now, is_full)
        return animal_ranking_response(found, now, is_full=is_full)
    check_of_groups(asked)
    by = await answering(services, address, Purpose.RANKING)
    await check_context(request, by.dataset_group, asked.context)
    answer, columns = await services.read(_rerank, services, by, asked, now, is_full)
    return ranking_response(answer, columns, now, is_full=is_full)


def _rerank_animals(
    services: Services,
    individuals: Individuals,
    given: RerankingRequest,
    now: int,
    explain: bool,
) -> AnimalAnswer:
    visitor = read_visitor(given.user_id, given.session_id)
    told = read_told(given.context, given.preferences)
    if given.metadata_columns:
        raise InvalidInput(
            "metadataColumns are for groups: leave them out", field="metadataColumns"
        )
    wishes = read_wishes(given, told.preferences)
    asked = Asked(
        visitor,
        read_at(given.at, now),
        now,
        services.profiles.rules(wishes, visitor),
        read_filter(services, DATASET_GROUP, given.filter, given.filter_values),
        explain,
        told_of_home(told, wishes),
    )
    ids = [parse_id(item.item_id, "itemId") for item in given.item_metadata_list]
    return individuals.rerank(ids, asked)


def _rerank(
    services: Services, by: Answering, asked: RerankingRequest, now: int, explain: bool
) -> tuple[RankingAnswer, list[Metadata]]:
    """The answer, and the columns that were asked for of each of its groups."""
    at = read_at(asked.at, now)
    known = _known(services, asked.item_metadata_list, at)
    candidates = [
        _candidate(place, item, known, by.dataset_group)
        for place, item in enumerate(asked.item_metadata_list)
    ]
    answer = by.runtime.rerank(
        read_visitor(asked.user_id, asked.session_id),
        candidates,
        at,
        now,
        told=read_told(asked.context, asked.preferences),
        filtered_by=read_filter(services, by.dataset_group, asked.filter, asked.filter_values),
        explain=explain,
    )
    groups = [group.item_id for group in answer.groups]
    return answer, read_metadata(services, by.dataset_group, groups, asked.metadata_columns, now)


def _known(services: Services, items: list[ItemMetadata], at: int) -> dict[str, str]:
    """The groups of those whose attributes the caller left to the inventory."""
    ids = [parse_id(one.item_id, "itemId") for one in items if one.animal_metadata is None]
    return services.inventory.groups_of(ids, at) if ids else {}


def _candidate(
    place: int, item: ItemMetadata, known: Mapping[str, str], dataset_group: str
) -> Candidate:
    try:
        item_id = parse_id(item.item_id, "itemId")
        if item.animal_metadata is not None:
            return Candidate(item_id, item.animal_metadata.group().id)
        if item_id not in known and dataset_group != DATASET_GROUP:
            return Candidate(item_id, item_id)
        if item_id not in known:
            raise InvalidInput(
                f"animal {item_id} is not in the inventory: send its attributes too",
                field="animalMetadata",
            )
        return Candidate(item_id, known[item_id])
    except InvalidInput as error:
        raise InvalidInput(
            error.message, field=f"itemMetadataList[{place}].{error.field}"
        ) from error
