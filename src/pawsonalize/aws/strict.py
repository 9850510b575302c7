"""Rules by which Amazon Personalize refuses what this service could do."""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from itertools import chain
from typing import Concatenate, Final, ParamSpec

import msgspec

from pawsonalize.aws.recipes import AWS_RECIPES, SEGMENTATION, AwsRecipe, recipe_arn
from pawsonalize.aws.services import AwsServices, Members
from pawsonalize.core.errors import Conflict, InvalidInput, LimitExceeded
from pawsonalize.core.event import NOTHING, Event
from pawsonalize.core.schemas import DatasetType, Schema
from pawsonalize.models.recipes import (
    PERSONALIZED_RANKING,
    POPULARITY_COUNT,
    SIMILAR_ITEMS,
    USER_PERSONALIZATION,
)
from pawsonalize.resources.campaigns import Campaign
from pawsonalize.resources.datasets import DatasetGroup, DatasetSchema, new_schema
from pawsonalize.resources.filters import AppliedFilter, Source, read_number
from pawsonalize.resources.solutions import SolutionVersion

P = ParamSpec("P")
_ITEMS: Final[Mapping[str | None, tuple[str, ...]]] = {
    "ECOMMERCE": ("PRICE", "CATEGORY_L1"),
    "VIDEO_ON_DEMAND": ("GENRES", "CREATION_TIMESTAMP"),
}
# By AWS's pages "Custom datasets and schemas" and those of the two domains.
_TYPES: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(("USER_ID", "ITEM_ID", "ACTION_ID"), ("string",)),
    "TIMESTAMP": ("long",),
    "EVENT_VALUE": ("float", "null"),
    **dict.fromkeys(
        ("EVENT_TYPE", "IMPRESSION", "RECOMMENDATION_ID", "EVENT_ATTRIBUTION_SOURCE"),
        ("string", "null"),
    ),
    **dict.fromkeys(
        ("CREATION_TIMESTAMP", "EXPIRATION_TIMESTAMP", "REPEAT_FREQUENCY"), ("long", "null")
    ),
}
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_OF_VERSION_ONE = frozenset({"bptt", "hidden_dimension", "recency_mask"})
_WITH_METADATA = (DatasetType.ITEMS, DatasetType.USERS)
_REQUIRES: Final[Mapping[str, tuple[str, ...]]] = {
    USER_PERSONALIZATION: ("userId",),
    POPULARITY_COUNT: ("userId",),
    SIMILAR_ITEMS: ("itemId",),
}
_MOST_TPS = 500  # requests per second of a campaign, by AWS's page of quotas
_MOST_WITH_METADATA = 50
_FEWEST_FIELDS = 2  # an id and one of metadata
# `sentAt` is the timestamp, and sessions have no user yet.
_ALWAYS_THERE = frozenset({"TIMESTAMP", "USERID"})

RULES: list[Callable[..., None]] = []


# A program whose tests pass here must not fail there. So each rule holds unless the setting
# `aws_strict` is off, which `rule` alone looks at. The page of coverage lists them.
def rule(
    reasons: Callable[Concatenate[AwsServices, P], Iterator[str]],
) -> Callable[Concatenate[AwsServices, P], None]:
    """Make a rule, which holds where the service is strict, of what yields reasons to refuse."""

    @wraps(reasons)
    def strictly(services: AwsServices, /, *args: P.args, **kwargs: P.kwargs) -> None:
        if services.is_strict and (found := next(reasons(services, *args, **kwargs), None)):
            raise InvalidInput(found)

    RULES.append(strictly)
    return strictly


@rule
def check_ranks(_services: AwsServices, recipe: str) -> Iterator[str]:
    """GetPersonalizedRanking: the campaign's recipe is of type PERSONALIZED_RANKING."""
    if recipe != PERSONALIZED_RANKING:
        yield f"the campaign is of {recipe}: GetPersonalizedRanking needs PERSONALIZED_RANKING"


@rule
def check_recommends(
    _services: AwsServices, recipe: str, members: Members, use_case: AwsRecipe | None
) -> Iterator[str]:
    """GetRecommendations: what the recipe or use case requires; never PERSONALIZED_RANKING."""
    if recipe == PERSONALIZED_RANKING:
        yield f"the campaign is of {recipe}: use GetPersonalizedRanking"
    asked = recipe if use_case is None else use_case.title
    for name in _REQUIRES.get(recipe, ()) if use_case is None else use_case.requires:
        if name not in members:
            yield f"{name} is missing: {asked} requires it"


@rule
def check_user(
    _services: AwsServices, members: Members, applied: AppliedFilter | None
) -> Iterator[str]:
    """GetRecommendations: a userId for a filter by CurrentUser or Interactions."""
    expression = None if applied is None else applied.expression
    if (
        "userId" not in members
        and expression is not None
        and any(map(expression.speaks_of, (Source.CURRENT_USER, Source.INTERACTIONS)))
    ):
        yield "userId is missing: the filter is about the user"


@rule
def check_deploys(_services: AwsServices, version: SolutionVersion) -> Iterator[str]:
    """Campaigns and batch inference jobs: the version's recipe is not of type USER_SEGMENTATION."""
    name = recipe_arn(version.recipe, version.extras).rpartition("/")[2]
    recipe = AWS_RECIPES.get(name)
    if recipe is not None and recipe.kind == SEGMENTATION:
        yield f"solutionVersionArn: {name} is of type {SEGMENTATION}, for batch segment jobs"


@rule
def check_interactions(services: AwsServices, group: str, data_group: str) -> Iterator[str]:
    """CreateSolutionVersion and CreateRecommender: the dataset group has interactions."""
    log = services.versions.log.of(data_group)
    # Events that left the log were trained on, so there were some.
    if log.is_empty() and not log.forgotten_through():
        yield f"dataset group {group} has no interactions: import or put some before you train"


@rule
def check_properties(
    services: AwsServices, group: str, dataset: DatasetType, given: Members, events: list[Event]
) -> Iterator[str]:
    """PutEvents and PutActionInteractions: columns that may not be null; none is an object."""
    if (schema := services.schemas.find((group, dataset))) is None:
        return
    required = {_plain(one.name): one.name for one in schema.fields if not one.nullable}
    columns = {_plain(one.name): one.types for one in schema.fields}
    name = "eventList" if dataset is DatasetType.INTERACTIONS else "actionInteractions"
    for place, (one, event) in enumerate(zip(given[name], events, strict=True), 1):
        properties = msgspec.json.decode(event.properties or "{}")
        sent = {**given, **one, **properties}
        there = {_plain(name) for name, value in sent.items() if value is not None}
        if event.item_id == NOTHING:  # whoever picks none of a board names no item
            there.add("ITEMID")
        for column, value in properties.items():
            if isinstance(value, dict | list) and _plain(column) in columns:
                yield (
                    f"{name}.{place}.member.properties: {column} must be"
                    f" {' or '.join(columns[_plain(column)])}, as the schema has it"
                )
        for column in required.keys() - there - _ALWAYS_THERE:
            yield (
                f"{name}.{place}.member.properties: {required[column]} is missing, which the"
                f" schema of the {dataset} dataset requires"
            )


def _plain(name: str) -> str:
    return name.replace("_", "").upper()


@rule
def check_columns(services: AwsServices, group: str, members: Members) -> Iterator[str]:
    """Metadata in answers: columns of the Items dataset's schema, for at most 50 items."""
    count = max(len(members.get("inputList", ())), members.get("numResults", 0))
    if count > _MOST_WITH_METADATA:
        yield f"with metadataColumns there are at most {_MOST_WITH_METADATA} items, not {count}"
    schema = services.schemas.find((group, DatasetType.ITEMS))
    known = () if schema is None else tuple(one.name for one in schema.fields)
    for name in chain.from_iterable(members["metadataColumns"].values()):
        if name.upper() not in known:
            yield f"metadataColumns: Items has no column {name}; it has {', '.join(known)}"


@rule
def check_schema(_services: AwsServices, text: str, domain: str | None) -> Iterator[str]:
    """CreateSchema: the types of reserved fields, those that the domain requires, some metadata."""
    schema = Schema.parse(text, new_schema("new", text).dataset_type)
    for field in schema.fields:
        wanted = _TYPES.get(field.name, field.types)
        if set(field.types) - set(wanted):
            yield f"field {field.name} must be {' or '.join(wanted)}"
    of_domain = {DatasetType.INTERACTIONS: ("EVENT_TYPE",), DatasetType.ITEMS: _ITEMS.get(domain)}
    for name in (domain and of_domain.get(schema.dataset)) or ():
        if schema.field(name) is None:
            yield f"the {schema.dataset} schema of {domain} lacks the required field {name}"
    if schema.dataset in _WITH_METADATA and len(schema.fields) < _FEWEST_FIELDS:
        yield f"the {schema.dataset} schema has no metadata field: it needs one"


@rule
def check_domain(services: AwsServices, schema: DatasetSchema, group: str) -> Iterator[str]:
    """CreateDataset and UpdateDataset: the schema is of the dataset group's domain."""
    wanted = services.registry.get(DatasetGroup, group).extras.get("domain")
    if (found := schema.extras.get("domain")) != wanted:
        yield f"schemaArn: the schema is of the domain {found}, and the dataset group of {wanted}"


@rule
def check_values(_services: AwsServices, given: Mapping[str, str]) -> Iterator[str]:
    """Values of filters: text is in double quotes."""
    for name, text in given.items():
        for bare in _QUOTED.sub("", text).split(","):
            if bare.strip() and read_number(bare) is None:
                yield f'filterValues.{name}: write "{bare.strip()[:40]}", with double quotes'


@rule
def check_version_two(_services: AwsServices, recipe: str, members: Members) -> Iterator[str]:
    """CreateSolution: recipes of version 2 have neither HPO nor the parameters of version 1."""
    if not recipe.endswith("-v2") or members.get("performAutoML"):
        return
    if members.get("performHPO"):
        yield f"performHPO: {recipe} is tuned by Amazon alone: leave it out"
    given = members.get("solutionConfig", {}).get("algorithmHyperParameters", {})
    for name in given.keys() & _OF_VERSION_ONE:
        yield f"algorithmHyperParameters: {recipe} has no {name}, which is of the recipe before"


@rule
def check_updates(_services: AwsServices, campaign: Campaign) -> Iterator[str]:
    """UpdateCampaign and UpdateRecommender: the update before is done."""
    if campaign.pending is not None:
        status = campaign.pending.status
        raise Conflict(f"{campaign.name} has an update that is {status}: wait until it is ACTIVE")
    yield from ()


@rule
def check_rate(_services: AwsServices, wanted: int) -> Iterator[str]:
    """Campaigns and recommenders: at most 500 provisioned requests per second."""
    if wanted > _MOST_TPS:
        raise LimitExceeded(f"the quota is {_MOST_TPS} requests per second")
    yield from ()
