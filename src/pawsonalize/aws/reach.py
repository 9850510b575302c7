"""Which dataset group a call is about, and whether a key of one dataset group reaches it."""

from collections.abc import Iterator
from typing import Any, Final, TypeVar

from pawsonalize.aws.arn import wire_name
from pawsonalize.aws.protocol.errors import ACCESS_DENIED, AwsError
from pawsonalize.aws.services import AwsServices, Members
from pawsonalize.domain.errors import NotFound
from pawsonalize.kinds.cached_lookup import CachedLookup
from pawsonalize.kinds.catalogue import KINDS
from pawsonalize.kinds.schemas import DatasetSchema

KeyT = TypeVar("KeyT")
FoundT = TypeVar("FoundT")

# What is the same for everybody.
_PUBLIC: Final = frozenset(
    {"ListRecipes", "DescribeRecipe", "DescribeAlgorithm", "DescribeFeatureTransformation"}
)
_VERBS = ("Create", "Describe", "List", "Update", "Delete", "Start", "Stop")
# All that a key of one dataset group may call, about what is in it. What reads and writes files is
# the operator's: a file belongs to no dataset group. So are the dataset groups themselves.
_WITHIN: Final = frozenset(
    {
        "GetRecommendations",
        "GetPersonalizedRanking",
        "GetActionRecommendations",
        "PutEvents",
        "PutItems",
        "PutUsers",
        "PutActions",
        "PutActionInteractions",
        "StopSolutionVersionCreation",
        "GetSolutionMetrics",
        "DescribeDatasetGroup",
        "TagResource",
        "UntagResource",
        "ListTagsForResource",
    }
    | {
        f"{verb}{wire_name(kind)}{'s' if verb == 'List' else ''}"
        for kind in KINDS.values()
        if kind.of_group
        for verb in _VERBS
    }
)


async def group_of_call(
    services: AwsServices, operation: str, members: Members, confined_to: str | None
) -> str | None:
    """The dataset group that the call is about; None if it is about none, or none that there is.

    AccessDeniedException if a key of one dataset group calls for anything else than that.
    """
    groups = [await _group(services, name, value) for name, value in _references(members)]
    named = [one for one in groups if one is not _SCHEMA]
    if confined_to is None:
        return next((one for one in named if one is not None), None)
    if operation in _PUBLIC:
        return confined_to
    if operation not in _WITHIN:
        raise AwsError(
            ACCESS_DENIED,
            f"this key is for dataset group {confined_to} alone, and {operation} is about more",
        )
    if not named or any(one != confined_to for one in named):
        raise AwsError(
            ACCESS_DENIED,
            f"this key is for dataset group {confined_to} alone: name what is in it, by ARN",
        )
    return confined_to


_SCHEMA: Final = ""  # schemas are shared by all dataset groups
_TRACKING_ID = "trackingId"


def _references(members: Any) -> Iterator[tuple[str, str]]:
    """The ARNs and tracking ids in a request, however deep, with the names of their members."""
    if isinstance(members, dict):
        for name, value in members.items():
            if isinstance(value, str) and (name.endswith("Arn") or name == _TRACKING_ID):
                yield name, value
            else:
                yield from _references(value)
    elif isinstance(members, list | tuple):
        for one in members:
            yield from _references(one)


async def _group(services: AwsServices, name: str, value: str) -> str | None:
    try:
        if name == _TRACKING_ID:
            return (await _found(services, services.trackers, value)).dataset_group
        named = services.arns.resource(value)
        if named[0] is DatasetSchema:
            return _SCHEMA
        group: str = await _found(services, services.groups, named)
    except NotFound:
        return None
    except AwsError:  # a recipe, a role, or wrong: its handler says so
        return _SCHEMA
    return group


async def _found(services: AwsServices, lookup: CachedLookup[KeyT, FoundT], key: KeyT) -> FoundT:
    """What the look-up finds; what it knows needs no thread."""
    known = lookup.known(key)
    return known[0] if known is not None else await services.read(lookup.find, key)
