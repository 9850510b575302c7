"""A solution version made ready to answer: loaded, brought up to date, tried, ready to explore."""

import time
from dataclasses import dataclass, field, replace
from typing import Final, Protocol, runtime_checkable

import msgspec
import numpy as np

from pawsonalize.artefacts.base import ArtefactStore
from pawsonalize.domain.errors import CorruptArtefact, InvalidInput
from pawsonalize.domain.events import DEFAULT_DATASET_GROUP, DEFAULT_EVENT_TYPE
from pawsonalize.engine.serving.exploration import Exposed, Exposure, Novelty
from pawsonalize.engine.serving.facets import FacetReader
from pawsonalize.engine.serving.refreshed_counts import RefreshedArtefacts, RefreshedCounts
from pawsonalize.kinds.campaigns import Campaign, is_wanted
from pawsonalize.kinds.registry import Registry
from pawsonalize.kinds.solutions import Cut, Solution, SolutionVersion
from pawsonalize.recipes.catalogue import rebuild_model
from pawsonalize.recipes.choices.model import UNFITTED, ChoiceModel
from pawsonalize.recipes.contract import Context, ContextEvent, Model
from pawsonalize.recipes.popularity_count import PopularityCount
from pawsonalize.recipes.similar_items import SimilarItemsModel
from pawsonalize.recipes.trending_now import TrendingNow
from pawsonalize.recipes.user_personalization import UserPersonalizationModel

_LENGTHS = (0, 1, 3, 10)  # events in the history of the visitors who are played
_LIST = 100
_MEASURED_SECONDS = 0.1  # many scorings, and little beside the load of a model
_UNEXPLORED = frozenset({PopularityCount.name, TrendingNow.name})  # as at AWS
# The name that answers give in place of the solution version while the remote engine is away.
STAND_IN: Final = "popular-groups"
# The name that answers give in place of a solution version before the first training.
UNTRAINED: Final = "untrained"


@runtime_checkable
class RemoteModel(Model, Protocol):
    """A model at a remote engine, with a stand-in here; never raises because that is away."""

    @property
    def stand_in(self) -> Model:
        """The popularity of the catalogue."""

    @property
    def why_away(self) -> str | None:
        """Reason why the stand-in answers; None while the remote engine does."""

    def stood_in(self, context: Context) -> bool:
        """Return True if the stand-in gave the newest scores of this context."""


def try_out(model: Model, now: int) -> None:
    """Score a few visitors, to page the model in; CorruptArtefact for a score that is no number."""
    for context in _visitors(model, now):
        for scores in (
            model.score_catalogue(context),
            model.score(context, model.item_ids[:_LIST]),
        ):
            if not (np.isfinite(scores) & (scores >= 0)).all():
                raise CorruptArtefact("the model gives scores that are no finite numbers")


def sustained_tps(model: Model, now: int) -> float:
    """Measure how many catalogues a second one process scores, for a tenth of a second."""
    visitors = _visitors(model, now)
    started = time.perf_counter()
    scored = 0
    while (seconds := time.perf_counter() - started) < _MEASURED_SECONDS or not scored:
        model.score_catalogue(visitors[scored % len(visitors)])
        scored += 1
    return scored / seconds


def _visitors(model: Model, now: int) -> list[Context]:
    items = model.item_ids
    return [
        Context(tuple(ContextEvent(item, DEFAULT_EVENT_TYPE, now) for item in items[:length]), now)
        for length in _LENGTHS
    ]


def load_model(artefacts: ArtefactStore, version: SolutionVersion) -> Model:
    """The version's model of groups; CorruptArtefact if it has none that can be read."""
    return _load_models(artefacts, version)[0]


def _load_models(artefacts: ArtefactStore, version: SolutionVersion) -> tuple[Model, ChoiceModel]:
    if version.artefact is None:
        raise CorruptArtefact(
            f"solution version {version.name} has no model: it is {version.status}"
        )
    card, arrays = artefacts.load(version.artefact)
    model = rebuild_model(version.fitted_recipe, card, arrays)
    return model, ChoiceModel.of_arrays(arrays)


class ServingSettings(msgspec.Struct, frozen=True):
    """Settings of a campaign. An influence of None is that of the version's training."""

    exploration_weight: float = 0.0
    exploration_item_age_cut_off: int = 65500
    min_provisioned_tps: int = 1
    popularity_influence: float | None = None
    freshness_influence: float | None = None

    def of(self, campaign: Campaign) -> "ServingSettings":
        """The campaign's own settings, and these where it has none."""
        own = {name: getattr(campaign, name) for name in self.__struct_fields__}
        return msgspec.structs.replace(
            self, **{name: value for name, value in own.items() if value is not None}
        )


_OF_THE_VERSION = ServingSettings()


# `novelty` is calculated now and then from what is `exposed`. `reader` reads the model's facets.
# `counts` are newer than the training's. `choices` was learned of individual animals, from pages.
@dataclass(frozen=True, slots=True)
class Served:
    """A solution version with its model in memory, and its items' novelty, if it explores."""

    version: SolutionVersion
    model: Model
    settings: ServingSettings = _OF_THE_VERSION
    novelty: Novelty | None = None
    exposed: Exposed | None = None
    dataset_group: str = DEFAULT_DATASET_GROUP
    counts: RefreshedCounts | None = None
    choices: ChoiceModel = UNFITTED
    reader: FacetReader = field(init=False)

    def __post_init__(self) -> None:
        model = self.model
        facets = model.facet_names if isinstance(model, UserPersonalizationModel) else ()
        object.__setattr__(self, "reader", FacetReader.restrict_to(facets))

    def answered_by(self, context: Context) -> str:
        """Name of the version that answered the context, or of what stands in for it."""
        # Last: each answer asks for it, and Python takes long to look through a protocol.
        if self.version.remote is None or not isinstance(self.model, RemoteModel):
            return self.version.name
        return STAND_IN if self.model.stood_in(context) else self.version.name

    @property
    def cut(self) -> Cut:
        """Part of the log that the model knows."""
        return self.version.cut if self.counts is None else self.counts.cut


class Serving(Protocol):
    """Source of answers: a campaign's live model, or one fixed version."""

    @property
    def current(self) -> Served:
        """The served version; NotReady if there is none yet."""

    @property
    def is_ready(self) -> bool:
        """True if there is one."""


class Fixed(msgspec.Struct, frozen=True):
    """One fixed version."""

    current: Served
    is_ready: bool = True


class RemoteCampaign(Protocol):
    """The campaign at a remote engine that stands behind one of ours."""

    def is_serving(
        self, version: SolutionVersion, settings: ServingSettings, requested_at: int
    ) -> bool:
        """Return True if it serves the version so; if not, that is begun, or waited for.

        Conflict with the reason if it has failed since the request; EngineUnavailable while nobody
        answers.
        """

    def model(self, version: SolutionVersion, stand_in: Model) -> RemoteModel:
        """Return the model that answers for the version, or its stand-in while it is away."""


class Loader(msgspec.Struct, frozen=True):
    """Loads solution versions. Without an `exposure` their answers do not explore."""

    registry: Registry
    artefacts: ArtefactStore
    exposure: Exposure | None = None
    remote: RemoteCampaign | None = None  # asks the campaign at the remote engine, if there is one

    def is_at_hand(self, campaign: Campaign, name: str, settings: ServingSettings) -> bool:
        """True if the version can be served at once; if the remote engine must, that begins."""
        version = self.registry.find(SolutionVersion, name)
        if version is None or version.remote is None:
            return True
        update = campaign.latest_update
        requested_at = campaign.created_at if update is None else update.requested_at
        return self._remote_of(version).is_serving(version, settings, requested_at)

    def _remote_of(self, version: SolutionVersion) -> RemoteCampaign:
        if self.remote is None:
            raise InvalidInput(
                f"{version.name} was trained at Amazon Personalize. Only its campaigns can answer"
                " for it, with `engine: amazon-personalize`: train another version, or ask there",
                field="engine",
            )
        return self.remote

    def load(self, name: str, settings: ServingSettings, now: int) -> Served:
        """The version, ready; CorruptArtefact or InvalidInput if its model cannot be used."""
        version = self.registry.find(SolutionVersion, name)
        if version is None:
            raise CorruptArtefact(f"solution version {name} is not recorded")
        try:
            model, choices = _load_models(self.artefacts, version)
        except CorruptArtefact:
            newest = self.registry.find(SolutionVersion, name)
            if newest is None or newest.artefact == version.artefact:
                raise
            version = newest  # an erasure has just put another artefact in its place
            model, choices = _load_models(self.artefacts, version)
        return self._prepared(Served(version, model, settings, choices=choices), now)

    def newest(self, name: str, settings: ServingSettings, now: int) -> Served:
        """The version with its newest counts; raises as `load`."""
        served = self.load(name, settings, now)
        counts = self.newer_counts(served)
        return served if counts is None else self.refreshed(served, counts, now)

    def newer_counts(self, served: Served) -> RefreshedCounts | None:
        """The newest counts of the version, if they are newer than the served ones."""
        newest = RefreshedArtefacts(self.artefacts).newest(served.version.name)
        is_newer = newest is not None and newest.cut > served.cut
        return newest if is_newer else None

    def refreshed(self, served: Served, counts: RefreshedCounts, now: int) -> Served:
        """The same version with those counts; raises as `load`."""
        card, arrays = self.artefacts.load(counts.location)
        model = rebuild_model(served.version.fitted_recipe, card, arrays)
        return self._prepared(replace(served, model=model, counts=counts), now)

    def weighed(self, served: Served, now: int) -> Served:
        """The same with the novelty of that moment, if it explores."""
        if self.exposure is None or served.exposed is None:
            return served
        exposure = self.exposure.of(served.dataset_group)
        return replace(served, novelty=exposure.novelty(served.exposed, now))

    def _prepared(self, served: Served, now: int) -> Served:
        """The same with its fitted model tried out, or the remote one that it stands in for."""
        model, settings, version = served.model, served.settings, served.version
        if version.remote is not None:
            model = self._remote_of(version).model(version, model)
        if is_wanted(settings) and isinstance(model, SimilarItemsModel):
            model = model.influenced(settings.popularity_influence, settings.freshness_influence)
        # Of a remote model only what is here, as nobody waits for the other.
        try_out(model.stand_in if isinstance(model, RemoteModel) else model, served.cut.as_of)
        solution = self.registry.find(Solution, version.solution)
        group = DEFAULT_DATASET_GROUP if solution is None else solution.data_group
        exposed, explores = None, settings.exploration_weight > 0 and version.remote is None
        if self.exposure is not None and explores and version.recipe not in _UNEXPLORED:
            days = settings.exploration_item_age_cut_off
            exposed = self.exposure.of(group).exposed(served.cut, model.item_ids, days)
        return self.weighed(replace(served, model=model, exposed=exposed, dataset_group=group), now)
