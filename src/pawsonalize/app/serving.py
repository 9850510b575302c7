"""What answers in one server process: live models, the available animals, their weights."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from pawsonalize import clock
from pawsonalize.app.adapters import Adapters
from pawsonalize.domain.errors import InvalidInput
from pawsonalize.engine.serving.animals.animal_effects import AnimalEffects
from pawsonalize.engine.serving.animals.answer import OpenPages
from pawsonalize.engine.serving.animals.available_watch import AvailableAnimalsWatch
from pawsonalize.engine.serving.animals.choices import PageReader
from pawsonalize.engine.serving.animals.eligibility import Postcodes, read_postcodes
from pawsonalize.engine.serving.animals.ranking import Individuals
from pawsonalize.engine.serving.campaigns import Runtimes
from pawsonalize.engine.serving.exploration import Exposure
from pawsonalize.engine.serving.filtering import Filterings
from pawsonalize.engine.serving.impressions import ImpressionLog, UnseenAnswers
from pawsonalize.engine.serving.items import AvailabilityWatch
from pawsonalize.engine.serving.live_model import LiveModel, Turn
from pawsonalize.engine.serving.recommender import Runtime
from pawsonalize.engine.serving.served import Loader, ServingSettings
from pawsonalize.engine.training.refresh import TrainedOrNot, Untrained
from pawsonalize.kinds.defaults import RECOMMENDER, RERANKER
from pawsonalize.kinds.processes import held
from pawsonalize.kinds.solutions import Solution
from pawsonalize.recipes.catalogue import recipe_named
from pawsonalize.settings import Settings


def _serving(settings: Settings) -> ServingSettings:
    return ServingSettings(
        settings.exploration_weight,
        settings.exploration_item_age_cut_off,
        settings.min_provisioned_tps,
    )


def _recommender(settings: Settings, adapters: Adapters, name: str = RECOMMENDER) -> LiveModel:
    exposure = Exposure(adapters.log, adapters.catalogue, adapters.impressions)
    loader = Loader(adapters.registry, adapters.artefacts, exposure, adapters.remote_campaign(name))
    return LiveModel(
        name, adapters.campaigns, loader, _serving(settings), _busy(settings), _turn(settings)
    )


def _reranker(settings: Settings, adapters: Adapters) -> LiveModel | None:
    if not settings.reranking_enabled:
        return None
    serving = ServingSettings(min_provisioned_tps=settings.rerank_min_provisioned_tps)
    remote = adapters.remote_campaign(RERANKER)
    loader = Loader(adapters.registry, adapters.artefacts, remote=remote)
    return LiveModel(
        RERANKER, adapters.campaigns, loader, serving, _busy(settings), _turn(settings)
    )


def live_model(settings: Settings, adapters: Adapters, name: str) -> LiveModel:
    """The live model of a campaign. Similar items are not explored."""
    campaign = adapters.campaigns.get(name)
    solution = adapters.registry.get(Solution, campaign.solution)
    if recipe_named(solution.recipe).needs_item:
        remote = adapters.remote_campaign(name)
        loader = Loader(adapters.registry, adapters.artefacts, remote=remote)
        return LiveModel(
            name, adapters.campaigns, loader, ServingSettings(), _busy(settings), _turn(settings)
        )
    return _recommender(settings, adapters, name)


def live_models(settings: Settings, adapters: Adapters) -> dict[str, LiveModel]:
    """The live model of each campaign, by its name."""
    live = {RECOMMENDER: _recommender(settings, adapters)}
    if (reranker := _reranker(settings, adapters)) is not None:
        live[RERANKER] = reranker
    return live


def trained_or_not(settings: Settings, adapters: Adapters, live: LiveModel) -> TrainedOrNot:
    """What recommends: the live model; before the first training, the counts."""
    log, catalogue = adapters.log, adapters.catalogue
    counts = Untrained(log, catalogue, adapters.availability, _serving(settings), clock.now)
    return TrainedOrNot(live, counts)


def _turn(settings: Settings) -> Turn:
    """One process of this machine at a time loads another version; others look again soon."""

    @contextmanager
    def turn() -> Iterator[bool]:
        with held(settings.loading_lock) as lock:
            yield lock is not None

    return turn


def _busy(settings: Settings) -> int:
    """How many worker processes this machine can run at once."""
    return min(settings.workers, os.cpu_count() or 1)


def available_watch(adapters: Adapters, postcodes: Postcodes) -> AvailableAnimalsWatch:
    """Keeps the available animals in memory."""
    return AvailableAnimalsWatch(
        adapters.animals, adapters.availability, adapters.exposures, postcodes
    )


def postcodes_of(settings: Settings) -> Postcodes:
    """The operator's postcode table; empty without one."""
    if not settings.postcode_table:
        return {}
    try:
        return read_postcodes(Path(settings.postcode_table).read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"cannot read the postcode table: {error}") from error


def individuals(
    settings: Settings,
    adapters: Adapters,
    runtime: Runtime,
    available: AvailableAnimalsWatch,
    impressions: ImpressionLog | UnseenAnswers,
) -> Individuals:
    """What orders individual animals."""
    return Individuals(
        runtime,
        available,
        adapters.animals,
        impressions,
        PageReader(adapters.impressions, adapters.log),
        AnimalEffects(adapters.impressions, adapters.log, adapters.erased),
        settings.animals,
        OpenPages(adapters.impressions, adapters.log, impressions),
    )


def runtimes_of(
    settings: Settings,
    adapters: Adapters,
    live: dict[str, LiveModel],
    impressions: ImpressionLog,
    availability: AvailabilityWatch,
    filterings: Filterings,
) -> Runtimes:
    """The campaigns in memory."""
    return Runtimes(
        adapters.log,
        adapters.registry,
        impressions,
        partial(live_model, settings, adapters),
        pinned=live,
        availability=availability,
        filterings=filterings,
        catalogue=adapters.catalogue,
        now=clock.now,
        limit=settings.max_loaded_campaigns,
    )
