"""The recommender of any campaign: loaded at the first query, kept current, dropped when idle."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import KW_ONLY, dataclass
from threading import Lock

import msgspec
import structlog

from pawsonalize.domain.errors import Conflict, NotFound, NotReady, PawsonalizeError
from pawsonalize.engine.serving.filtering import Filterings
from pawsonalize.engine.serving.impressions import ImpressionLog
from pawsonalize.engine.serving.items import AvailabilityWatch
from pawsonalize.engine.serving.live_model import LiveModel
from pawsonalize.engine.serving.recommender import Runtime
from pawsonalize.kinds.campaigns import Campaign
from pawsonalize.kinds.defaults import DATASET_GROUP
from pawsonalize.kinds.registry import Registry
from pawsonalize.kinds.solutions import Solution
from pawsonalize.storage.contexts import in_time

log = structlog.get_logger()


class _Kept(msgspec.Struct, frozen=True):
    live: LiveModel
    runtime: Runtime


# At most `limit` campaigns are in memory, those that answered last, and the `pinned` ones, which
# are kept current elsewhere. Models are made by `live_model`, and loaded one after the other in a
# thread of their own, so that no other campaign's answer waits for them.
@dataclass(eq=False)
class Runtimes:
    """Recommends and ranks from any campaign, by its name, in its own dataset group."""

    registry: Registry
    impressions: ImpressionLog
    live_model: Callable[[str], LiveModel]
    _: KW_ONLY
    pinned: Mapping[str, LiveModel]
    availability: AvailabilityWatch
    filterings: Filterings
    now: Callable[[], int]
    limit: int

    def __post_init__(self) -> None:
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._lock = Lock()  # held for moments only
        self.loading = ThreadPoolExecutor(1, thread_name_prefix="campaigns")

    async def of(self, campaign: str) -> Runtime:
        """The campaign's recommender; NotFound if unknown, NotReady while it serves nothing."""
        kept = self._used(campaign)
        if kept is None:
            loop = asyncio.get_running_loop()
            kept = await loop.run_in_executor(self.loading, in_time(self._opened), campaign)
        return kept.runtime

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
        runtime = Runtime(
            self.filterings.of(group),
            live,
            self.impressions,
            availability=availability,
            strict=True,
        )
        kept = _Kept(live, runtime)
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
