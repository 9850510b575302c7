"""POST /v1/boards and POST /v1/boards/{boardId}/picks."""

from functools import partial
from types import MappingProxyType
from typing import Annotated

import msgspec
from msgspec import Meta
from msgspec.structs import replace
from starlette.requests import Request

from pawsonalize.app.adapters import Adapters
from pawsonalize.core import scopes
from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.forms.decoder import Form, Id, Moment
from pawsonalize.core.http.json import read_form
from pawsonalize.core.http.operation import About, Operations, RequestParameter
from pawsonalize.core.limits import parse_id
from pawsonalize.core.metrics import EVENTS
from pawsonalize.core.times import parse_moment
from pawsonalize.events.event_form import MOMENTS
from pawsonalize.operations.addressing import (
    check_visitor,
    leave,
    read_group,
    read_visitor,
    recommender_for,
)
from pawsonalize.operations.services import Services, services_of
from pawsonalize.plugins.boards import LEAST, MOST, BoardSettings
from pawsonalize.plugins.boards.giving import PickDoor, Picks, give_board, no_board
from pawsonalize.recommend.animals.pages import MOST_PICKS, wait_until_written
from pawsonalize.recommend.animals.recommender import AnimalRecommender
from pawsonalize.recommend.campaigns import Purpose
from pawsonalize.recommend.endpoints import answers
from pawsonalize.recommend.endpoints.queries import (
    QueryFields,
    answer_in_lane,
    prepare,
    read_query,
    refuse_of_animals,
)
from pawsonalize.recommend.endpoints.recommendations import AnimalsFound, find, shown
from pawsonalize.resources.defaults import DATASET_GROUP

OPERATIONS = Operations(about=About.ANSWER)
_BOARD = RequestParameter("boardId", "The board.", where="path", required=True)
_VISITOR = {"sessionId": "s-1"}


class BoardRequest(QueryFields, frozen=True, rename="camel", kw_only=True):
    """A visitor who is to be given some animals to choose among."""

    size: Annotated[int, Meta(ge=LEAST, le=MOST)] | None = None
    """Number of animals, 4 to 12; the setting `board_size` if left out."""
    if_worth: bool = False
    """Give none if a board is not worth its place, by the rule of `ask`."""


class Board(msgspec.Struct, frozen=True, rename="camel"):
    """Animals to choose among: "Whom would you like to meet first?"."""

    board_id: str
    """Its id: send it with what was picked."""
    animals: list[answers.Recommendation]
    """The animals, none like another; fewer than wished for where there are no more, none where
    `ifWorth` finds that a board is not worth its place."""


class PicksRequest(Form, frozen=True, rename="camel", kw_only=True):
    """The answer to a board, by the visitor that it was given to."""

    user_id: Id | None = None
    """The user, if you know who it is."""
    session_id: Id | None = None
    """The session."""
    animals: Annotated[list[Id], Meta(extra_json_schema={"maxItems": MOST_PICKS})]
    """Up to three animals of the board, best first; empty for "none of these"."""
    sent_at: Moment | None = None
    """When they were picked, now if left out."""

    synonyms = MappingProxyType(MOMENTS)


class PicksReceipt(msgspec.Struct, frozen=True):
    """Result for the picks."""

    accepted: int
    """Picks that are on disk now; "none of these" is one."""
    duplicates: int
    """Picks that were there already: the same answer was sent before."""


@OPERATIONS.add(
    "POST",
    "/v1/boards",
    scopes.RUNTIME | scopes.BROWSER,
    request=BoardRequest,
    examples={
        "for a page": {**_VISITOR, "include": ["animal"]},
        "of a household": {**_VISITOR, "size": 8, "household": {"kids": True}},
    },
    summary="Some animals for this visitor to choose among.",
)
async def post_boards(request: Request) -> Board:
    """Give a board: animals that may be shown, chosen to tell most about the visitor."""
    services = services_of(request)
    given = await read_form(request, BoardRequest)
    address = await prepare(request, given, (), detailed=False)
    animal_recommender = await recommender_for(request, address, Purpose.RECOMMENDING)
    settings: BoardSettings = request.app.state.plugins["boards"]
    size = settings.board_size if given.size is None else given.size
    give = partial(_give, services, animal_recommender, given, size)
    answer, included = await answer_in_lane(request, DATASET_GROUP, given, give)
    animals = [
        answers.Recommendation(**shown(one, included), bonded_with=list(one.animal_ids[1:]))
        for one in answer.places
    ]
    return Board(answer.recommendation_id, animals)


def started(adapters: Adapters, _services: Services) -> BoardSettings:
    """Share the adapters.settings with the plugin's operations."""
    settings = adapters.settings
    return settings.part(BoardSettings)


def _give(
    services: Services, animal_recommender: AnimalRecommender, given: BoardRequest, size: int
) -> AnimalsFound:
    refuse_of_animals(given, "metadata_columns")
    if given.repeats:
        raise InvalidInput("repeats is of pages: a board is another each time", field="repeats")
    query = read_query(services, given, DATASET_GROUP, explain=False)
    give = partial(give_board, animal_recommender, size=size, if_worth=given.if_worth)
    return find(services, animal_recommender, query, given.include, give)


@OPERATIONS.add(
    "POST",
    "/v1/boards/{board_id}/picks",
    scopes.EVENTS | scopes.BROWSER,
    request=PicksRequest,
    status=202,
    examples={
        "one tap": {**_VISITOR, "animals": ["a-7"]},
        "none of these": {**_VISITOR, "animals": []},
    },
    parameters=(_BOARD,),
    summary="What a visitor picked of a board; answered once it is on disk.",
)
async def post_picks(request: Request) -> PicksReceipt:
    """Take picks: the very next answer knows them."""
    services = services_of(request)
    given = await read_form(request, PicksRequest)
    check_visitor(request, given.user_id)
    name = parse_id(request.path_params["board_id"], "boardId")
    now = services.now()
    if (group := await read_group(request)) != DATASET_GROUP:
        raise no_board(name)  # boards are of animals, which are of that group
    picks = Picks(
        name,
        read_visitor(given.user_id, given.session_id),
        tuple(parse_id(one, "animals") for one in given.animals),
        now if given.sent_at is None else parse_moment(given.sent_at, "sentAt"),
    )
    door = PickDoor(services.animal_recommender.pages, services.animal_recommender.impressions)
    await wait_until_written(name, services.now, partial(services.read, door.knows, picks))
    accepted, sent = 0, max(len(picks.animals), 1)
    # One after the other: of answers at the same moment, only that whose first is stored goes on.
    for part in await services.read(door.events, picks):
        receipt = await services.ingest.accept(
            [part], now, group, whole=True, before_commit=partial(leave, request)
        )
        if receipt.rejected:
            raise InvalidInput(receipt.rejected[0].message, field=receipt.rejected[0].field)
        accepted += receipt.accepted
        if receipt.duplicates:  # another call was faster, and may have said otherwise
            await services.read(door.events, replace(picks, at=services.now()))
    services.intake.count(now, sent)
    EVENTS.labels("accepted").inc(accepted)
    EVENTS.labels("duplicate").inc(sent - accepted)
    return PicksReceipt(accepted, sent - accepted)
