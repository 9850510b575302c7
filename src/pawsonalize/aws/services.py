"""What operations of the Personalize API use of the running service."""

from collections.abc import Mapping
from typing import Any

from pawsonalize.animals.inventory import AnimalNames
from pawsonalize.aws.arn import Arns
from pawsonalize.aws.signatures import Signatures
from pawsonalize.core.cached_lookup import CachedLookup
from pawsonalize.core.schemas import DatasetType, Schema
from pawsonalize.operations.services import Services
from pawsonalize.recommend.groups import ActionRecommending
from pawsonalize.reports.metric_attributions import MetricAttributions
from pawsonalize.resources.datasets import EventTracker
from pawsonalize.resources.kind import Resource, ResourceT
from pawsonalize.train.campaigns import Recommenders

# The members of a request, and those of an answer; both by AWS's names.
Members = Mapping[str, Any]
Answer = dict[str, object]


class AwsServices(Services):
    """The parts of the running service, with those that this interface alone uses."""

    arns: Arns
    action_recommending: ActionRecommending
    attributions: MetricAttributions
    recommenders: Recommenders
    animal_names: AnimalNames
    signatures: Signatures | None
    """None: anybody may call."""
    trackers: CachedLookup[str, EventTracker]
    groups: CachedLookup[tuple[type[Resource], str], str]
    """The dataset group of a resource, by its kind and name; NotFound if it has none."""
    schemas: CachedLookup[tuple[str, DatasetType], Schema | None]
    """The schema of a dataset group's dataset of a type; None without such a dataset."""
    lists_defaults: bool
    """Lists, beside what callers made, the resources that every installation has."""
    is_strict: bool
    """Refuses what AWS refuses: see `strict.py`."""

    def resource(self, kind: type[ResourceT], arn: str) -> ResourceT:
        """Return the resource of that kind and ARN; NotFound if there is none."""
        return self.registry.get(kind, self.arns.name(arn, kind))
