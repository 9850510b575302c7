"""A solution version made ready to answer: loaded, tried, and weighed for exploration."""

from dataclasses import dataclass, field, fields, replace
from typing import Final, Protocol

from pawsonalize.domain.errors import CorruptArtefact
from pawsonalize.domain.events import DEFAULT_DATASET_GROUP
from pawsonalize.engine.resources.campaigns import Campaign
from pawsonalize.engine.resources.influence import influenced
from pawsonalize.engine.resources.registry import Registry
from pawsonalize.engine.resources.solutions import Cut, Solution, SolutionVersion
from pawsonalize.engine.serving.exploration import Novelty
from pawsonalize.engine.serving.exposure import Exposed, Exposure
from pawsonalize.engine.serving.facet_reading import FacetReader
from pawsonalize.engine.serving.folds import Fold, Folds
from pawsonalize.engine.serving.models import load_model
from pawsonalize.engine.serving.told import reader_for
from pawsonalize.engine.serving.trial import try_out
from pawsonalize.recipes.catalogue import recipe_named
from pawsonalize.recipes.contract import Model
from pawsonalize.storage.base import ArtefactStore

UNTRAINED: Final = "untrained"
"""What answers say in the place of a solution version before the first training."""


@dataclass(frozen=True, slots=True)
class ServingSettings:
    """How a campaign is served. Where an influence is None, it is as the version was trained."""

    exploration_weight: float = 0.0
    exploration_item_age_cut_off: int = 65500
    min_provisioned_tps: int = 1
    popularity_influence: float | None = None
    freshness_influence: float | None = None

    def of(self, campaign: Campaign) -> "ServingSettings":
        """What the campaign itself says, and these where it says nothing."""
        own = {one.name: getattr(campaign, one.name) for one in fields(self)}
        return replace(self, **{name: value for name, value in own.items() if value is not None})


@dataclass(frozen=True, slots=True)
class Served:
    """A solution version with its model in memory, and what is due for exploration, if any.

    `novelty` is weighed anew now and then, from what is `exposed`; `reader` reads the facets that
    the model knows. `fold` says of when the model's counts are, None for those of the training.
    """

    version: SolutionVersion
    model: Model
    settings: ServingSettings = ServingSettings()
    novelty: Novelty | None = None
    exposed: Exposed | None = None
    dataset_group: str = DEFAULT_DATASET_GROUP
    fold: Fold | None = None
    reader: FacetReader = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "reader", reader_for(self.model))

    @property
    def cut(self) -> Cut:
        """What of the log the model knows."""
        return self.version.cut if self.fold is None else self.fold.cut


class Serving(Protocol):
    """What answers come from: a campaign's live model, or one version for good."""

    @property
    def current(self) -> Served:
        """The served version; NotReady if there is none yet."""
        ...

    @property
    def is_ready(self) -> bool:
        """Whether there is one."""
        ...


@dataclass(frozen=True, slots=True)
class Fixed:
    """One version for good."""

    current: Served
    is_ready: bool = True


@dataclass(frozen=True, slots=True)
class Loader:
    """Makes solution versions ready. Without an `exposure` their answers do not explore."""

    registry: Registry
    artefacts: ArtefactStore
    exposure: Exposure | None = None

    def load(self, name: str, settings: ServingSettings, now: int) -> Served:
        """The version, ready to answer.

        Raises CorruptArtefact or InvalidInput when its model cannot be used.
        """
        version = self.registry.find(SolutionVersion, name)
        if version is None:
            raise CorruptArtefact(f"solution version {name} is not recorded")
        model = load_model(self.artefacts, version)
        return self._tried(Served(version, model, settings), now)

    def newer_fold(self, served: Served) -> Fold | None:
        """The newest fold of the version, if it knows more than what is served."""
        newest = Folds(self.artefacts).newest(served.version.name)
        is_newer = newest is not None and newest.cut.log_offset > served.cut.log_offset
        return newest if is_newer else None

    def folded(self, served: Served, fold: Fold, now: int) -> Served:
        """The same version with the counts of the fold; raises as `load`."""
        card, arrays = self.artefacts.load(fold.location)
        model = recipe_named(served.version.recipe).load(card, arrays)
        return self._tried(replace(served, model=model, fold=fold), now)

    def weighed(self, served: Served, now: int) -> Served:
        """The same with the novelty of that moment, where it explores."""
        if self.exposure is None or served.exposed is None:
            return served
        exposure = self.exposure.of(served.dataset_group)
        return replace(served, novelty=exposure.novelty(served.exposed, now))

    def _tried(self, served: Served, now: int) -> Served:
        served = replace(served, model=influenced(served.model, served.settings))
        try_out(served.model, served.cut.as_of)
        exposed, group = None, self._group(served.version)
        if self.exposure is not None and served.settings.exploration_weight > 0:
            days = served.settings.exploration_item_age_cut_off
            exposure = self.exposure.of(group)
            exposed = exposure.exposed(served.cut, served.model.item_ids, days)
        return self.weighed(replace(served, exposed=exposed, dataset_group=group), now)

    def _group(self, version: SolutionVersion) -> str:
        solution = self.registry.find(Solution, version.solution)
        return DEFAULT_DATASET_GROUP if solution is None else solution.data_group
