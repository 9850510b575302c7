"""The parts of a process that answer: live models, available animals, and their upkeep."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from pawsonalize.app.adapters import Adapters
from pawsonalize.app.ports import OFFERS_BOARD, SEARCHES
from pawsonalize.app.settings import Settings
from pawsonalize.core import clock
from pawsonalize.core.database.statements import in_time
from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.logs import get_logger
from pawsonalize.core.work.leases import held
from pawsonalize.core.work.problems import Problems
from pawsonalize.core.work.tasks import LOOK_SECONDS, Reporting, Task, at_the_moment
from pawsonalize.models.recipes.catalogue import recipe_named
from pawsonalize.recommend.animals.available import AvailabilityWatch, AvailableAnimalsWatch
from pawsonalize.recommend.animals.counting import AnimalEffects
from pawsonalize.recommend.animals.eligibility import Postcodes, read_postcodes
from pawsonalize.recommend.animals.pages import OpenPages, PageReader
from pawsonalize.recommend.animals.recommender import AnimalRecommender, never
from pawsonalize.recommend.campaigns import CampaignModels
from pawsonalize.recommend.exploration import Exposure, ImpressionLog, UnseenAnswers
from pawsonalize.recommend.filtering import Filterings
from pawsonalize.recommend.groups import GroupRecommender
from pawsonalize.recommend.live_model import LiveModel, Loader, ServingSettings
from pawsonalize.resources.defaults import DATASET_GROUP, RECOMMENDER, RERANKER
from pawsonalize.resources.solutions import Solution
from pawsonalize.train.refresh import TrainedOrNot, Untrained

_FOLLOW_SECONDS = 0.5  # so that a rollback is everywhere within a second
_CHOICES_SECONDS = 3.0
_SHOWN_SECONDS = 5.0
_LOST_SECONDS = 30.0

log = get_logger()


class ServingParts:
    """The parts that answer queries, and what keeps them fresh."""

    def __init__(self, adapters: Adapters) -> None:
        self.live = live_models(adapters)
        self.impressions = ImpressionLog(adapters.impressions)
        self.available = available_watch(adapters)
        self.availability = AvailabilityWatch(adapters.availability, self.available)
        self.filterings = Filterings(adapters.log, adapters.catalogue)
        counts = untrained(adapters, _serving(adapters.settings))
        self.recommending = TrainedOrNot(self.live[RECOMMENDER], counts)
        self.group_recommender = GroupRecommender(
            self.filterings.of(DATASET_GROUP),
            self.recommending,
            self.impressions,
            self.live.get(RERANKER),
            self.availability,
        )
        self.animal_recommender = animal_recommender(
            adapters, self.group_recommender, self.available, self.impressions
        )
        self.campaign_models = CampaignModels(
            adapters.registry,
            self.impressions,
            partial(live_model, adapters),
            pinned=self.live,
            availability=self.availability,
            filterings=self.filterings,
            now=clock.now,
            limit=adapters.settings.max_loaded_campaigns,
        )

    def models(self) -> list[LiveModel]:
        """Return the live models of this process that serve a version."""
        # A default campaign that serves nothing is no fault of its model: following it has failed
        # then.
        ready = [live for live in self.live.values() if live.is_ready]
        return [*ready, *self.campaign_models.live_models()]

    def served(self) -> dict[str, str]:
        """Return the solution version of each campaign that is loaded."""
        return {one.name: one.current.version.name for one in self.models() if one.is_ready}

    def close(self) -> None:
        """Finish what was accepted."""
        self.campaign_models.close()
        self.impressions.close()

    def before_answers(self, problems: Problems) -> Iterator[tuple[str, Callable[[], object]]]:
        """Yield name and function of each piece of work that the first answer needs."""
        yield "read the available animals", lambda: self.available.of(clock.now(), clock.now())
        for name, live in self.live.items():
            yield f"follow campaign {name}", partial(follow_campaign, live)
        yield "count until trained", self.recommending.refresh
        yield "report faults", partial(Faults(problems).look, self.models)

    def tasks(self, problems: Problems) -> Iterator[Task]:
        """Yield the background tasks that keep answers fresh."""
        for name, live in self.live.items():
            yield Task(f"follow campaign {name}", _FOLLOW_SECONDS, partial(follow_campaign, live))
        campaign_models, faults = self.campaign_models, Faults(problems)
        # Requests wait in the same thread.
        following = in_time(campaign_models.refresh)
        yield Task("follow campaigns", _FOLLOW_SECONDS, following, campaign_models.loading)
        yield Task("count until trained", LOOK_SECONDS, self.recommending.refresh)
        yield Task("report faults", LOOK_SECONDS, partial(faults.look, self.models))
        yield Task("count what was shown", _SHOWN_SECONDS, self.available.count_shown)
        yield Task("log impressions", _LOST_SECONDS, self.impressions.report_lost)
        yield Task("read metadata", LOOK_SECONDS, at_the_moment(self.filterings.refresh))
        counting = at_the_moment(self.animal_recommender.count_choices)
        yield Task("count choices", _CHOICES_SECONDS, counting)


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


def live_models(adapters: Adapters) -> dict[str, LiveModel]:
    """Return the live model of each campaign that the settings name, by its name."""
    settings = adapters.settings
    live = {RECOMMENDER: _explored(adapters, RECOMMENDER)}
    if settings.reranking_enabled:
        serving = ServingSettings(min_provisioned_tps=settings.rerank_min_provisioned_tps)
        live[RERANKER] = _live(adapters, RERANKER, serving)
    return live


def live_model(adapters: Adapters, name: str) -> LiveModel:
    """Return the live model of a campaign."""
    # Similar items are not explored.
    campaign = adapters.campaigns.get(name)
    solution = adapters.registry.get(Solution, campaign.solution)
    if recipe_named(solution.recipe).needs_item:
        return _live(adapters, name, ServingSettings())
    return _explored(adapters, name)


def _explored(adapters: Adapters, name: str) -> LiveModel:
    exposure = Exposure(adapters.log, adapters.catalogue, adapters.impressions)
    return _live(adapters, name, _serving(adapters.settings), exposure)


def _live(
    adapters: Adapters, name: str, serving: ServingSettings, exposure: Exposure | None = None
) -> LiveModel:
    settings = adapters.settings

    @contextmanager
    def loading_lock() -> Iterator[bool]:
        # One process of this machine at a time loads another version; others look again soon. The
        # folder itself is the lock, as no file can be made on a disk that is read-only.
        with held(settings.data_dir) as lock:
            yield lock is not None

    remote = adapters.remote_campaign(name)
    loader = Loader(adapters.registry, adapters.artefacts, exposure, remote)
    # More processes than processors do not answer at the same time.
    at_once = min(settings.workers, os.cpu_count() or 1)
    return LiveModel(name, adapters.campaigns, loader, serving, at_once, loading_lock)


def _serving(settings: Settings) -> ServingSettings:
    return ServingSettings(
        settings.exploration_weight,
        settings.exploration_item_age_cut_off,
        settings.min_provisioned_tps,
    )


def untrained(adapters: Adapters, serving: ServingSettings) -> Untrained:
    """Return the recommender by counts, used before the first training."""
    log, catalogue = adapters.log, adapters.catalogue
    return Untrained(log, catalogue, adapters.availability, serving, clock.now)


def available_watch(adapters: Adapters) -> AvailableAnimalsWatch:
    """Return the watch that keeps the available animals in memory."""
    return AvailableAnimalsWatch(
        *(adapters.animals, adapters.availability, adapters.exposures),
        load_postcodes(adapters.settings),
    )


def load_postcodes(settings: Settings) -> Postcodes:
    """Return the operator's postcode table; empty without one."""
    if not settings.postcode_table:
        return {}
    try:
        # Spreadsheet programs begin a file with a byte order mark.
        return read_postcodes(Path(settings.postcode_table).read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"cannot read the postcode table: {error}") from error


def animal_recommender(
    adapters: Adapters,
    group_recommender: GroupRecommender,
    available: AvailableAnimalsWatch,
    impressions: ImpressionLog | UnseenAnswers,
) -> AnimalRecommender:
    """Return what orders individual animals."""
    return AnimalRecommender(
        group_recommender,
        available,
        adapters.animals,
        impressions,
        PageReader(adapters.impressions, adapters.log, adapters.animals),
        AnimalEffects(adapters.impressions, adapters.log, adapters.erased),
        adapters.settings.animals,
        OpenPages(adapters.impressions, adapters.log, impressions),
        OFFERS_BOARD(adapters.settings) or never,
        SEARCHES(adapters),
    )
