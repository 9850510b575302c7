"""Questions of an operator, answered as servers would, but neither logged nor explored."""

from collections.abc import Sequence
from functools import cached_property

import msgspec
from msgspec.structs import replace

from pawsonalize.animals.inventory import Inventory
from pawsonalize.app.adapters import Adapters
from pawsonalize.core.errors import InvalidInput, NotReady
from pawsonalize.core.groups import AnimalGroup
from pawsonalize.recommend.animals.available import AvailabilityWatch
from pawsonalize.recommend.animals.recommender import AnimalRecommender, AnimalsAnswer
from pawsonalize.recommend.campaigns import Address, Purpose
from pawsonalize.recommend.exploration import UnseenAnswers
from pawsonalize.recommend.filtering import Filterings
from pawsonalize.recommend.groups import Candidate, GroupRecommender
from pawsonalize.recommend.live_model import (
    Fixed,
    LoadedModel,
    Loader,
    ModelSource,
    ServingSettings,
)
from pawsonalize.resources.campaigns import Campaign
from pawsonalize.resources.defaults import DATASET_GROUP, RECOMMENDER, RERANKER
from pawsonalize.resources.filters import AppliedFilter, apply


# Questions go to what the campaigns serve. Places are not explored, so that an answer shows what
# the model makes of a visitor, and the same question has the same answer.
class Preview(msgspec.Struct, frozen=True, dict=True):
    """Answers questions of one address, as the servers would."""

    adapters: Adapters
    address: Address
    purpose: Purpose
    now: int

    @cached_property
    def dataset_group(self) -> str:
        """The dataset group that is asked; NotFound lists those that exist."""
        return self.adapters.directory.dataset_group(self.address)

    @cached_property
    def group_recommender(self) -> GroupRecommender:
        """Runtime for groups; NotReady while nothing can answer."""
        campaign = self._campaign()
        group, log = self.dataset_group, self.adapters.log
        is_own = campaign is None or (campaign == RECOMMENDER and self.address.campaign is None)
        reranks = is_own and self.adapters.settings.reranking_enabled
        reranker = self._served(RERANKER) if reranks else None
        is_default = group == DATASET_GROUP
        return GroupRecommender(
            Filterings(log, self.adapters.catalogue).of(group),
            self.adapters.untrained(ServingSettings())
            if campaign is None
            else self._serving(campaign),
            None,
            None if reranker is None else Fixed(reranker),
            AvailabilityWatch(self.adapters.availability) if is_default else None,
            strict=not is_own,
        )

    @cached_property
    def animal_recommender(self) -> AnimalRecommender:
        """Runtime for animals; InvalidInput in a dataset group without an inventory."""
        if self.dataset_group != DATASET_GROUP:
            raise InvalidInput(
                f"animals are the inventory of dataset group {DATASET_GROUP}, and"
                f" {self.dataset_group} has none: leave --animals out",
                field="animals",
            )
        watch = self.adapters.watch_available()
        found = self.adapters.recommend_animals(self.group_recommender, watch, UnseenAnswers())
        found.count_choices(self.now)
        return found

    def filter(self, given: str | None) -> AppliedFilter | None:
        """A filter by its name or its expression; None for None, NotFound for an unknown name."""
        if given is None:
            return None
        expression = self.adapters.filters.find(given, dataset_group=self.dataset_group)
        return apply(expression, {})

    def names(self, answer: AnimalsAnswer) -> dict[str, str]:
        """Return the names of an answer's animals, by their ids."""
        ids = [animal_id for place in answer.places for animal_id in place.animal_ids]
        return {id_: animal.name for id_, animal in self.adapters.animals.get_many(ids).items()}

    def candidates(self, ids: Sequence[str], at: int) -> list[Candidate]:
        """Candidates by id, each an animal of the inventory or a group; InvalidInput for others."""
        groups = Inventory(self.adapters.animals).groups_of(ids, at)
        return [Candidate(id_, groups.get(id_) or self._group(id_)) for id_ in ids]

    def _group(self, given: str) -> str:
        if self.dataset_group == DATASET_GROUP and AnimalGroup.parse(given) is None:
            raise InvalidInput(
                f"there is no animal {given}, and it is no group either: see `pawsonalize animals"
                " ls`, or write a group as 2-Beagle-2-3"
            )
        return given

    def _campaign(self) -> str | None:
        """The campaign that answers; None if only counts can, before anything is trained."""
        if self.dataset_group != DATASET_GROUP or self.address.campaign is not None:
            return self.adapters.directory.campaign(self.address, self.purpose)
        default = self.adapters.campaigns.find(RECOMMENDER)
        serves = default is not None and _version_of(default) is not None
        if serves and self.purpose is not Purpose.COMPARING:
            return RECOMMENDER
        return self.adapters.directory.serving(DATASET_GROUP, self.purpose)

    def _serving(self, name: str) -> ModelSource:
        served = self._served(name)
        if served is None:
            raise NotReady(f"campaign {name} serves no version yet: run `pawsonalize train`")
        return Fixed(served)

    def _served(self, name: str) -> LoadedModel | None:
        campaign = self.adapters.registry.find(Campaign, name)
        version = None if campaign is None else _version_of(campaign)
        if campaign is None or version is None:
            return None
        remote = self.adapters.remote_campaign(name)
        loader = Loader(self.adapters.registry, self.adapters.artefacts, remote=remote)
        as_set = replace(ServingSettings().of(campaign), exploration_weight=0.0)
        return loader.newest(version, as_set, self.now)


def _version_of(campaign: Campaign) -> str | None:
    """Return the version that it serves; before any server does, the one to be served."""
    return campaign.solution_version or campaign.target_version
