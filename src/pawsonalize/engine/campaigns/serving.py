"""A solution version made ready to answer: loaded, tried, and weighed for exploration."""

from dataclasses import dataclass, fields, replace

from pawsonalize.domain.errors import CorruptArtefact
from pawsonalize.engine.campaigns.trial import try_out
from pawsonalize.engine.exploration import Novelty
from pawsonalize.engine.exposure import Exposure
from pawsonalize.engine.resources.campaigns import Campaign
from pawsonalize.engine.resources.registry import Registry
from pawsonalize.engine.resources.solutions import Solution, SolutionVersion
from pawsonalize.engine.solutions.models import load_model
from pawsonalize.recipes.contract import Model
from pawsonalize.storage.base import ArtefactStore


@dataclass(frozen=True, slots=True)
class ServingSettings:
    """How a campaign is served."""

    exploration_weight: float = 0.0
    exploration_item_age_cut_off: int = 65500
    min_provisioned_tps: int = 1

    def of(self, campaign: Campaign) -> "ServingSettings":
        """What the campaign itself says, and these where it says nothing."""
        own = {field.name: getattr(campaign, field.name) for field in fields(self)}
        return replace(self, **{name: value for name, value in own.items() if value is not None})


@dataclass(frozen=True, slots=True)
class Served:
    """A solution version with its model in memory, and what is due for exploration, if any."""

    version: SolutionVersion
    model: Model
    settings: ServingSettings = ServingSettings()
    novelty: Novelty | None = None


@dataclass(frozen=True, slots=True)
class Loader:
    """Makes solution versions ready. Without an `exposure` their answers do not explore."""

    registry: Registry
    artefacts: ArtefactStore
    exposure: Exposure | None = None

    def load(self, name: str, settings: ServingSettings) -> Served:
        """The version, ready to answer.

        Raises CorruptArtefact or InvalidInput when its model cannot be used.
        """
        version = self.registry.find(SolutionVersion, name)
        if version is None:
            raise CorruptArtefact(f"solution version {name} is not recorded")
        model = load_model(self.artefacts, version)
        try_out(model, version.as_of)
        novelty = None
        if self.exposure is not None and settings.exploration_weight > 0:
            days = settings.exploration_item_age_cut_off
            group = self.registry.get(Solution, version.solution).dataset_group
            novelty = self.exposure.of(group).novelty(version.cut, model.item_ids, days)
        return Served(version, model, settings, novelty)
