"""Campaigns: the one that a request means, and its recommender, loaded at the first query."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import KW_ONLY, dataclass
from enum import StrEnum
from threading import Lock

import msgspec

from pawsonalize.core import clock
from pawsonalize.core.cached_lookup import CachedLookup
from pawsonalize.core.database.statements import in_time
from pawsonalize.core.errors import (
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    NotReady,
    PawsonalizeError,
)
from pawsonalize.core.logs import get_logger
from pawsonalize.core.work.problems import Problems
from pawsonalize.core.work.tasks import Reporting
from pawsonalize.models import recipes
from pawsonalize.recommend.animals.available import AvailabilityWatch
from pawsonalize.recommend.exploration import ImpressionLog
from pawsonalize.recommend.filtering import Filterings
from pawsonalize.recommend.groups import GroupRecommender
from pawsonalize.recommend.live_model import LiveModel
from pawsonalize.recommend.live_tests import RunningTests
from pawsonalize.resources.campaigns import Campaign, Recommender
from pawsonalize.resources.datasets import DatasetGroup
from pawsonalize.resources.defaults import DATASET_GROUP, RECOMMENDER, RERANKER
from pawsonalize.resources.kind import Resource, Status
from pawsonalize.resources.registry import Registry
from pawsonalize.resources.solutions import Solution

_NEAR = {recipes.USER_PERSONALIZATION: 1, recipes.POPULARITY_COUNT: 2, recipes.TRENDING_NOW: 2}
Reference = Callable[[str], tuple[type[Resource], str] | None]
"""Reads a resource's full name (an ARN): its kind and its name. None for any other text."""


class Purpose(StrEnum):
    """The purpose of a campaign, in words that go on from "a campaign that"."""

    RECOMMENDING = "recommends"
    COMPARING = "answers what is like an item"
    RANKING = "ranks"


_DISTANCES: Mapping[Purpose, Mapping[str, int]] = {
    Purpose.RECOMMENDING: _NEAR,
    Purpose.COMPARING: {recipes.SIMILAR_ITEMS: 0, **_NEAR},
    Purpose.RANKING: {recipes.PERSONALIZED_RANKING: 0, **_NEAR},
}
"""The recipes that answer, and their distance from the purpose: the nearest one does."""


class DirectoryEntry(msgspec.Struct, frozen=True):
    """A campaign of a dataset group; `is_stopped` is one whose recommender is INACTIVE."""

    campaign: Campaign
    dataset_group: str
    recipe: str
    is_stopped: bool = False

    @property
    def name(self) -> str:
        """The campaign's name."""
        return self.campaign.name

    @property
    def serves(self) -> bool:
        """True if it serves a version."""
        return self.campaign.solution_version is not None and not self.is_stopped

    @property
    def age(self) -> tuple[int, str]:
        """Sorts campaigns by their creation."""
        return self.campaign.created_at, self.campaign.name

    def fits(self, purpose: Purpose) -> bool:
        """True if its recipe answers this purpose."""
        return self.recipe in _DISTANCES[purpose]


def entries(registry: Registry) -> list[DirectoryEntry]:
    """Every campaign, newest first; this reads three tables."""
    solutions = {one.name: one for one in registry.all(Solution)}
    stopped = {one.served_by for one in registry.all(Recommender) if one.status is Status.INACTIVE}
    found = ((one, solutions.get(one.solution)) for one in registry.all(Campaign))
    return [
        DirectoryEntry(one, solution.dataset_group, solution.recipe, one.name in stopped)
        for one, solution in found
        if solution is not None
    ]


class Address(msgspec.Struct, frozen=True):
    """Target of a request, by its name or full name: a group, a campaign, or neither."""

    dataset_group: str | None = None
    campaign: str | None = None
    is_confined: bool = False  # True if the caller must not learn of other dataset groups
    kind: type[Resource] = Campaign  # Recommender if the full name is one's

    @property
    def is_default(self) -> bool:
        """True if the request names nothing, which means the default dataset group."""
        return self.dataset_group is None and self.campaign is None


def names_of(address: Address, reference: Reference) -> Address:
    """The address by plain names; InvalidInput for the full name of something else."""
    _, group = _read(reference, address.dataset_group, "datasetGroup", DatasetGroup)
    kind, campaign = _read(reference, address.campaign, "campaign", Campaign, Recommender)
    return Address(group, campaign, address.is_confined, kind)


def _read(
    reference: Reference, given: str | None, field: str, *kinds: type[Resource]
) -> tuple[type[Resource], str | None]:
    """The kind and the name in a text; a bare name is of the first kind."""
    try:
        found = None if given is None else reference(given)
    except (InvalidInput, NotFound) as error:
        raise type(error)(error.message, field=field) from error
    if found is None:
        return kinds[0], given
    if found[0] not in kinds:
        wanted = " or a ".join(kind.kind for kind in kinds)
        raise InvalidInput(f"{given} names a {found[0].kind}: send a {wanted}", field=field)
    return found


class Directory:
    """Finds groups and campaigns by the names in requests; a look-up is kept for a second."""

    def __init__(self, registry: Registry, reference: Reference, now: Callable[[], int]) -> None:
        self._registry = registry
        self._reference = reference
        self._groups = CachedLookup(self._group, now)
        self._campaigns = CachedLookup(self._campaign, now)
        self._serving = CachedLookup(self._live, now)

    def dataset_group(self, address: Address) -> str:
        """The named group, the campaign's, or the default one; NotFound lists the known names."""
        if address.is_default:
            return DATASET_GROUP
        return self._groups.find(names_of(address, self._reference))

    def within(self, address: Address, group: str) -> Address:
        """The address for a caller of that dataset group alone; Forbidden if it names another."""
        names = names_of(address, self._reference)
        if names.dataset_group not in {None, group}:
            raise Forbidden(
                f"this key is for dataset group {group} alone: leave datasetGroup out, or name that"
                " one",
                field="datasetGroup",
                code="other_dataset_group",
            )
        if address.campaign is None and group == DATASET_GROUP:
            return Address()
        return Address(group, address.campaign, is_confined=True)

    def campaign(self, address: Address, purpose: Purpose) -> str:
        """The named campaign, or the nearest of the group; NotReady while none serves a model."""
        return self._campaigns.find((names_of(address, self._reference), purpose))

    def serving(self, dataset_group: str, purpose: Purpose) -> str | None:
        """The group's campaign that serves a model for this purpose; None while none does."""
        return self._serving.find((dataset_group, purpose))

    def entries(self) -> list[DirectoryEntry]:
        """Every campaign of every dataset group, and what it serves."""
        return entries(self._registry)

    def _group(self, names: Address) -> str:
        self._check(names.dataset_group)
        if names.campaign is not None:
            return self._named(names).dataset_group
        assert names.dataset_group is not None, "the default address is not looked up"
        return names.dataset_group

    def _campaign(self, wanted: tuple[Address, Purpose]) -> str:
        names, purpose = wanted
        self._check(names.dataset_group)
        if names.campaign is None:
            return self._fitting(names.dataset_group or DATASET_GROUP, purpose)
        found = self._named(names)
        if found.is_stopped:
            raise Conflict(
                f"recommender {names.campaign} is INACTIVE: start it, or ask another",
                field="campaign",
            )
        if found.recipe == recipes.NEXT_BEST_ACTION:
            raise InvalidInput(
                f"campaign {found.name} suggests actions: ask another", field="campaign"
            )
        return found.name

    def _check(self, group: str | None) -> None:
        if group is None or self._registry.find(DatasetGroup, group) is not None:
            return
        there = list_names(one.name for one in self._registry.all(DatasetGroup))
        raise NotFound(
            f"there is no dataset group named {group}; there are: {there}", field="datasetGroup"
        )

    def _named(self, names: Address) -> DirectoryEntry:
        """The campaign of that name, or that of the recommender of that name."""
        assert names.campaign is not None
        found = {one.name: one for one in self.entries()}
        one = found.get(names.campaign) if names.kind is Campaign else None
        if one is None:
            recommender = self._registry.find(Recommender, names.campaign)
            one = None if recommender is None else _campaign_of(recommender, found)
        # Whoever is confined must not learn of the campaigns of others.
        if one is None or (names.is_confined and one.dataset_group != names.dataset_group):
            inside = (
                name
                for name, entry in found.items()
                if names.dataset_group in {None, entry.dataset_group}
            )
            raise NotFound(
                f"there is no campaign named {names.campaign}; there are: {list_names(inside)}",
                field="campaign",
            )
        if names.dataset_group not in {None, one.dataset_group}:
            raise NotFound(
                f"campaign {one.name} is of dataset group {one.dataset_group}, not of"
                f" {names.dataset_group}: send one of the two",
                field="campaign",
            )
        return one

    def _live(self, wanted: tuple[str, Purpose]) -> str | None:
        group, purpose = wanted
        best = _best((one for one in self.entries() if one.dataset_group == group), purpose)
        return best.name if best is not None and best.serves else None

    def _fitting(self, group: str, purpose: Purpose) -> str:
        every = self.entries()
        inside = [one for one in every if one.dataset_group == group]
        best = _best(inside, purpose)
        if best is None:
            raise NotFound(
                f"dataset group {group} has no campaign that {purpose}; it has"
                f" {list_names(f'{one.name} ({one.recipe})' for one in inside)}: create one",
                field="datasetGroup",
            )
        if not best.serves and group == DATASET_GROUP:
            elsewhere = [
                f"{one.dataset_group} ({one.name})"
                for one in every
                if one.serves and one.fits(purpose)
            ]
            hint = f", or name a datasetGroup that serves one: {list_names(elsewhere)}"
            raise NotReady(
                "no model is live yet: run `pawsonalize train`, then ask again"
                f"{hint if elsewhere else ''}"
            )
        return best.name


def _best(found: Iterable[DirectoryEntry], purpose: Purpose) -> DirectoryEntry | None:
    """The nearest recipe's campaign, first those that serve; of several, the first created."""
    fitting = (one for one in found if one.fits(purpose) and not one.is_stopped)
    near = _DISTANCES[purpose]
    return min(fitting, key=lambda one: (not one.serves, near[one.recipe], one.age), default=None)


def list_names(names: Iterable[str]) -> str:
    """Names for an error, in order; `none` for none."""
    return ", ".join(sorted(names)) or "none"


def _campaign_of(recommender: Recommender, found: Mapping[str, DirectoryEntry]) -> DirectoryEntry:
    one = found.get(recommender.served_by)
    if one is not None:
        return one
    state = f"recommender {recommender.name} is {recommender.status}"
    if recommender.failure_reason:
        raise Conflict(
            f"{state} ({recommender.failure_reason}): delete it and create it again",
            field="campaign",
        )
    raise NotReady(f"{state}: ask again when it is ACTIVE")


class Readiness(msgspec.Struct, frozen=True):
    """Campaigns that answer, and what does not answer yet."""

    solution_version: str | None  # the default group's; None while none is live
    message: str | None  # None if everything answers
    campaigns: tuple[DirectoryEntry, ...]


def readiness(
    group_recommender: GroupRecommender, entries: Sequence[DirectoryEntry], *, orders_animals: bool
) -> Readiness:
    """Return what answers queries that name nothing; NotReady with the next move if none."""
    campaigns = tuple(sorted(entries, key=lambda one: one.age))
    if group_recommender.can_recommend:
        return Readiness(group_recommender.served.version.name, None, campaigns)
    # Those in memory from the start answer only if they have loaded a model.
    unloaded = {RECOMMENDER} if group_recommender.can_rank else {RECOMMENDER, RERANKER}
    serving = [one for one in campaigns if one.serves and one.name not in unloaded]
    if not serving and not orders_animals:
        raise NotReady(
            "no model is live yet, and there is no available animal: put animals (on the console,"
            " or to /v1/animals), or run `pawsonalize train`"
        )
    message = "no model is live yet"
    if serving:
        named = list_names(f"{one.name} of dataset group {one.dataset_group}" for one in serving)
        message = f"the campaign {RECOMMENDER} serves no model yet; these answer: {named}"
    # Another campaign of the default group orders them by its model.
    if orders_animals and all(one.dataset_group != DATASET_GROUP for one in serving):
        message += f"{'; ' if serving else ': '}animals are ordered by what is known of them"
    return Readiness(None, message, campaigns)


log = get_logger()


class _Kept(msgspec.Struct, frozen=True):
    live: LiveModel
    group_recommender: GroupRecommender


# At most `limit` campaigns are in memory, those that answered last, and the `pinned` ones, which
# are kept current elsewhere. Models are made by `live_model`, and loaded one after the other in a
# thread of their own, so that no other campaign's answer waits for them.
@dataclass(eq=False)
class CampaignModels:
    """Recommends and ranks from any campaign, by its name, in its own dataset group."""

    registry: Registry
    impressions: ImpressionLog
    live_model: Callable[[str], LiveModel]
    _: KW_ONLY
    pinned: Mapping[str, LiveModel]
    availability: AvailabilityWatch
    filterings: Filterings
    tests: RunningTests
    now: Callable[[], int]
    limit: int

    def __post_init__(self) -> None:
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._lock = Lock()  # held for moments only
        self.loading = ThreadPoolExecutor(1, thread_name_prefix="campaigns")

    async def of(self, campaign: str) -> GroupRecommender:
        """The campaign's recommender; NotFound if unknown, NotReady while it serves nothing."""
        kept = self._used(campaign)
        if kept is None:
            loop = asyncio.get_running_loop()
            kept = await loop.run_in_executor(self.loading, in_time(self._opened), campaign)
        return kept.group_recommender

    def refresh(self) -> None:
        """Follow the updates of campaigns in memory, and load new ones; call it in `loading`."""
        # New ones are loaded before their first query. An error costs that campaign alone.
        there = {one.name: one for one in self.registry.all(Campaign)}
        with self._lock:
            for gone in self._kept.keys() - there.keys():
                del self._kept[gone]
            known = set(self._kept)
        for name, campaign in there.items():
            # What is in memory is kept current; what has an update is to settle it.
            if name in self.pinned or not (name in known or campaign.pending):
                continue
            try:
                self._follow(self._entry(campaign), name)
            except PawsonalizeError as error:
                log.error("campaign", campaign=name, code=error.code, reason=error.message)
            except Exception as error:  # a model may throw anything
                log.error("campaign", campaign=name, exc_info=error)

    def forget(self, campaign: str) -> None:
        """Answer from the campaign no more, as it was deleted here."""
        with self._lock:
            self._kept.pop(campaign, None)

    def live_models(self) -> list[LiveModel]:
        """The live models of the campaigns in memory."""
        with self._lock:
            return [kept.live for kept in self._kept.values()]

    def close(self) -> None:
        """Stop loading models."""
        self.loading.shutdown(cancel_futures=True)

    def _used(self, name: str) -> _Kept | None:
        with self._lock:
            kept = self._kept.get(name)
            if kept is None or not kept.live.is_ready:
                return None
            self._kept.move_to_end(name)
            return kept

    def _opened(self, name: str) -> _Kept:
        if (kept := self._used(name)) is not None:
            return kept  # loaded while this one waited for its turn
        campaign = self.registry.find(Campaign, name)
        if campaign is None:
            raise NotFound(f"there is no campaign named {name}: create it first")
        kept = self._entry(campaign)
        with suppress(Conflict):  # another server settled the update: follow that one
            self._follow(kept, name)
        if not kept.live.is_ready:
            raise NotReady(_why_not(self.registry.get(Campaign, name)))
        return kept

    def _follow(self, kept: _Kept, name: str) -> None:
        # One that is kept current elsewhere may not be there yet, just after it was promoted.
        is_missing = name not in self.pinned or not kept.live.is_ready
        if is_missing and kept.live.refresh(self.now()):
            version = kept.live.current.version.name
            log.info("serving", campaign=name, solution_version=version)

    def _entry(self, campaign: Campaign) -> _Kept:
        """The campaign's place in memory; the one that answered longest ago may lose its place."""
        name = campaign.name
        with self._lock:
            if (kept := self._kept.get(name)) is not None:
                return kept
        # Without the lock, as this reads tables.
        group = self.registry.get(Solution, campaign.solution).data_group
        live = self.pinned.get(name) or self.live_model(name)
        availability = self.availability if group == DATASET_GROUP else None
        group_recommender = GroupRecommender(
            self.filterings.of(group),
            live,
            self.impressions,
            availability=availability,
            strict=True,
            tests=self.tests,
        )
        kept = _Kept(live, group_recommender)
        with self._lock:
            self._kept[name] = kept
            while len(self._kept) > self.limit:
                self._kept.popitem(last=False)
        return kept


def _why_not(campaign: Campaign) -> str:
    update = campaign.latest_update
    if update is None:
        return f"campaign {campaign.name} serves no version yet: update it to one"
    if campaign.pending is not None:
        return f"campaign {campaign.name} is not ACTIVE yet: ask again in a moment"
    return (
        f"campaign {campaign.name} serves nothing, as its version failed"
        f" ({update.failure_reason}): update it to another"
    )


def follow_campaign(live: LiveModel) -> None:
    """Serve the version that the campaign points at."""
    if live.refresh(clock.now()):
        log.info("serving", solution_version=live.current.version.name)


class Faults:
    """Reports faults of the models of campaigns, for one process."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._reporting: dict[str, Reporting] = {}

    def look(self, models: Callable[[], list[LiveModel]]) -> None:
        """Report each model that has a fault, and clear each that has none. Raises nothing."""
        for one in models():
            reporting = self._reporting.setdefault(
                one.name, Reporting(self._problems, f"model of campaign {one.name}")
            )
            if one.fault is None:
                reporting.succeeded()
            else:
                reporting.failed(one.fault)
