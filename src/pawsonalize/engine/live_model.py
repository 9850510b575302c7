"""The model a campaign serves: loaded once, swapped whole when the campaign points elsewhere."""

from dataclasses import dataclass

from pawsonalize.domain.errors import CorruptArtefact, NotReady
from pawsonalize.engine.exploration import Novelty
from pawsonalize.engine.exposure import Exposure
from pawsonalize.recipes.catalogue import recipe_named
from pawsonalize.recipes.contract import Model
from pawsonalize.storage.base import ArtefactStore, Campaigns, SolutionVersion


@dataclass(frozen=True, slots=True)
class Served:
    """A solution version with its model in memory, and what is due for exploration, if any."""

    version: SolutionVersion
    model: Model
    novelty: Novelty | None = None


class LiveModel:
    """What a campaign serves right now. Readers take `current` once and use it to the end.

    Without an `exposure` its answers do not explore.
    """

    def __init__(
        self,
        name: str,
        campaigns: Campaigns,
        artefacts: ArtefactStore,
        exposure: Exposure | None = None,
    ) -> None:
        self._name = name
        self._campaigns = campaigns
        self._artefacts = artefacts
        self._exposure = exposure
        self._served: Served | None = None

    @property
    def current(self) -> Served:
        """The served version; NotReady if the campaign serves none yet."""
        if self._served is None:
            raise NotReady("no model is live yet: run `pawsonalize train`, then ask again")
        return self._served

    @property
    def is_ready(self) -> bool:
        """Whether a model is live."""
        return self._served is not None

    def refresh(self) -> bool:
        """Load and swap in the campaign's version if it changed; True if it did.

        Raises CorruptArtefact when the artefact is unusable; the old version then goes on.
        """
        campaign = self._campaigns.campaign(self._name)
        if campaign is None:
            return False
        if self._served and self._served.version.solution_version == campaign.solution_version:
            return False
        version = self._campaigns.version(campaign.solution_version)
        if version is None:
            raise CorruptArtefact(f"solution version {campaign.solution_version} is not recorded")
        card, arrays = self._artefacts.load(version.artefact)
        model = recipe_named(version.recipe).load(card, arrays)
        exposure = self._exposure
        novelty = exposure.novelty(version, model.item_ids) if exposure else None
        self._served = Served(version, model, novelty)
        return True
