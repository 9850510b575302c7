"""Amazon Personalize as one thing: all that the engine uses of it."""

from dataclasses import dataclass, field

from pawsonalize.domain.events import DEFAULT_DATASET_GROUP
from pawsonalize.wings.remote_amazon.calls import Calls
from pawsonalize.wings.remote_amazon.campaigns import AmazonCampaigns
from pawsonalize.wings.remote_amazon.feeding import AmazonFeeding
from pawsonalize.wings.remote_amazon.groups import AmazonGroup
from pawsonalize.wings.remote_amazon.names import AmazonNames
from pawsonalize.wings.remote_amazon.queries import AmazonQueries
from pawsonalize.wings.remote_amazon.versions import RECIPES, AmazonVersions


@dataclass(frozen=True)
class AmazonPersonalize:
    """What trains and answers for the default dataset group, in a region of an account."""

    calls: Calls
    names: AmazonNames
    check_seconds: float
    """How often to look whether what was begun there is ready."""
    group: AmazonGroup = field(init=False)
    versions: AmazonVersions = field(init=False)
    campaigns: AmazonCampaigns = field(init=False)
    feeding: AmazonFeeding = field(init=False)

    def __post_init__(self) -> None:
        group = AmazonGroup(self.calls, self.names, self.check_seconds)
        versions = AmazonVersions(self.calls, self.names, group)
        object.__setattr__(self, "group", group)
        object.__setattr__(self, "versions", versions)
        object.__setattr__(
            self, "campaigns", AmazonCampaigns(self.calls, self.names, group, versions)
        )
        object.__setattr__(self, "feeding", AmazonFeeding(self.calls, group))

    def trains(self, dataset_group: str, recipe: str) -> bool:
        """Whether versions of that recipe, on that group's data, are trained there."""
        return dataset_group == DEFAULT_DATASET_GROUP and recipe in RECIPES

    def queries(self, campaign: str, solution: str) -> AmazonQueries:
        """What asks the campaign there that stands for one of ours."""
        return AmazonQueries(self.calls, self.campaigns, campaign, solution)
