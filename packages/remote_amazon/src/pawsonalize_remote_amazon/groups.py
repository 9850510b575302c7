"""Resources at Amazon Personalize: the dataset group with its parts, solutions and versions."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from hashlib import blake2b

import msgspec

from pawsonalize.core.errors import Conflict, EngineUnavailable, NotFound
from pawsonalize.models.recipes import PERSONALIZED_RANKING, SIMILAR_ITEMS, USER_PERSONALIZATION
from pawsonalize_remote_amazon.calls import Calls

_LONGEST = 63
_WAIT_SECONDS = 900.0
INTERACTIONS = json.dumps(
    {
        "type": "record",
        "name": "Interactions",
        "namespace": "com.amazonaws.personalize.schema",
        "fields": [
            {"name": "USER_ID", "type": "string"},
            {"name": "ITEM_ID", "type": "string"},
            {"name": "TIMESTAMP", "type": "long"},
            {"name": "EVENT_TYPE", "type": "string"},
            {"name": "EVENT_VALUE", "type": ["null", "float"]},
        ],
        "version": "1.0",
    }
)
"""The schema of interactions, if the group has none yet."""


class AmazonNames(msgspec.Struct, frozen=True):
    """Names, or ARNs, at Amazon Personalize, by the names of ours; others are derived from ours."""

    dataset_group: str = "pawsonalize"
    event_tracker: str = ""
    """The tracker's ARN; empty: the tracker of the dataset group."""
    solutions: Mapping[str, str] = msgspec.field(default_factory=dict)
    campaigns: Mapping[str, str] = msgspec.field(default_factory=dict)

    def solution(self, ours: str) -> str:
        """Return the name or ARN of the solution there."""
        return self.solutions.get(ours) or fitting(f"{self.group}-{ours}")

    def campaign(self, ours: str) -> str:
        """Return the name or ARN of the campaign there."""
        return self.campaigns.get(ours) or fitting(f"{self.group}-{ours}")

    @property
    def group(self) -> str:
        """The name of the dataset group there."""
        return self.dataset_group.rpartition("/")[2]


def fitting(name: str) -> str:
    """Return the name, shortened if it is too long there; two that differ stay different."""
    if len(name) <= _LONGEST:
        return name
    digest = blake2b(name.encode(), digest_size=6).hexdigest()
    return f"{name[: _LONGEST - len(digest) - 1]}-{digest}"


def is_arn(name: str) -> bool:
    """True for an ARN, false for a name."""
    return name.startswith("arn:")


class AmazonDataset(msgspec.Struct, frozen=True):
    """A dataset there: its ARN, and the names of its schema's fields."""

    arn: str
    fields: frozenset[str]


@dataclass
class AmazonGroup:
    """Finds what the names say, and makes what is missing. What is found is remembered."""

    _calls: Calls
    _names: AmazonNames
    _check_seconds: float
    _datasets: dict[str, AmazonDataset] = field(default_factory=dict)

    @cached_property
    def arn(self) -> str:
        """The dataset group, ACTIVE; NotFound if it is named by an ARN that is no group's."""
        name = self._names.dataset_group
        if is_arn(name):
            return str(self._calls.describe("dataset_group", name)["datasetGroupArn"])
        arn = self.find() or self._calls.create("dataset_group", self.find, name=name)
        self._wait("dataset_group", arn, name)
        return arn

    def find(self) -> str | None:
        """Return the ARN of the dataset group, or None; make nothing."""
        name = self._names.dataset_group
        return name if is_arn(name) else self._calls.find("dataset_group", name)

    @cached_property
    def tracking_id(self) -> str:
        """The tracking id of the event tracker; one is made if the group has none."""
        arn = self._names.event_tracker
        if not arn:
            self.dataset("Interactions")  # a tracker needs it
            group = {"name": self.arn.rpartition("/")[2], "datasetGroupArn": self.arn}
            arn = self._tracker() or self._calls.create("event_tracker", self._tracker, **group)
        self._wait("event_tracker", arn, arn)
        return str(self._calls.describe("event_tracker", arn)["trackingId"])

    def dataset(self, dataset_type: str, avro: str = "") -> AmazonDataset:
        """Return the dataset of a type, `Interactions` or `Items`, ACTIVE; make a missing one."""
        if dataset_type not in self._datasets:
            arn = self._dataset(dataset_type) or self._make_dataset(dataset_type, avro)
            schema = self._calls.describe("dataset", arn)["schemaArn"]
            fields = json.loads(self._calls.describe("schema", schema)["schema"])["fields"]
            named = frozenset(str(one["name"]) for one in fields)
            self._datasets[dataset_type] = AmazonDataset(arn, named)
        return self._datasets[dataset_type]

    def _dataset(self, dataset_type: str) -> str | None:
        for one in self._calls.listed("dataset", datasetGroupArn=self.arn):
            if str(one["datasetType"]).lower() == dataset_type.lower():
                return str(one["datasetArn"])
        return None

    def _make_dataset(self, dataset_type: str, avro: str) -> str:
        calls, name = self._calls, f"{self.arn.rpartition('/')[2]}-{dataset_type.lower()}"
        schema = calls.create(
            "schema", partial(calls.find, "schema", name), name=name, schema=avro or INTERACTIONS
        )
        arn = calls.create(
            "dataset",
            partial(self._dataset, dataset_type),
            name=name,
            schemaArn=schema,
            datasetGroupArn=self.arn,
            datasetType=dataset_type,
        )
        self._wait("dataset", arn, name)
        return arn

    def _tracker(self) -> str | None:
        trackers = self._calls.listed("event_tracker", datasetGroupArn=self.arn)
        return next((str(one["eventTrackerArn"]) for one in trackers), None)

    def _wait(self, kind: str, arn: str, name: str) -> None:
        """Wait until it is ACTIVE; NotFound with the reason if it never will be."""
        waited = 0.0
        while (found := self._calls.describe(kind, arn))["status"] != "ACTIVE":
            state = str(found["status"])
            text = f"{kind.replace('_', ' ')} {name} at Amazon Personalize is {state}"
            if state.endswith(("FAILED", "STOPPED")) or state.startswith("DELETE"):
                reason = found.get("failureReason") or "no reason is given"
                raise NotFound(f"{text} ({reason}): delete it there, or name another")
            if waited >= _WAIT_SECONDS:
                raise EngineUnavailable(f"{text} after {waited:.0f} seconds")
            time.sleep(self._check_seconds)
            waited += self._check_seconds


RECIPES: Mapping[str, str] = {
    USER_PERSONALIZATION: "aws-user-personalization-v2",
    PERSONALIZED_RANKING: "aws-personalized-ranking-v2",
    SIMILAR_ITEMS: "aws-similar-items",
}
"""Recipes there by ours; all others are trained here."""
FAILED = ("FAILED", "STOPPED")
"""Ends of a status after which nothing becomes ready."""


class AmazonVersions(msgspec.Struct):
    """Trains versions there. A version there has the name of ours, so none is trained twice."""

    _calls: Calls
    _names: AmazonNames
    _group: AmazonGroup
    _solutions: dict[str, str] = msgspec.field(default_factory=dict)

    def solution(self, ours: str, recipe: str) -> str:
        """Return the ARN of the solution; make a missing one. Conflict if its recipe differs."""
        if ours not in self._solutions:
            name = self._names.solution(ours)
            found = self.find_solution(ours) or self._calls.create(
                "solution",
                partial(self.find_solution, ours),
                name=name,
                datasetGroupArn=self._group.arn,
                recipeArn=f"arn:aws:personalize:::recipe/{RECIPES[recipe]}",
                performAutoTraining=False,
            )
            described = self._calls.describe("solution", found)
            has = str(described.get("recipeArn") or "").rpartition("/")[2]
            # A solution of the older generation of a recipe does as well.
            if has.removesuffix("-v2") != RECIPES[recipe].removesuffix("-v2"):
                raise Conflict(
                    f"solution {name} at Amazon Personalize has the recipe {has or 'of AutoML'},"
                    f" and {ours} is {recipe}: name another solution there"
                )
            self._solutions[ours] = found
        return self._solutions[ours]

    def find_solution(self, ours: str) -> str | None:
        """Return the ARN of the solution, or None; make nothing."""
        name = self._names.solution(ours)
        if is_arn(name):
            return name
        group = self._group.find()
        return None if group is None else self._calls.find("solution", name, datasetGroupArn=group)

    def begin(self, ours: str, solution: str, recipe: str, mode: str) -> str:
        """Return the ARN of the version in training, which is begun unless it was before."""
        arn = self.solution(solution, recipe)
        find = partial(self._named, ours, arn)
        return find() or self._calls.create(
            "solution_version", find, name=fitting(ours), solutionArn=arn, trainingMode=mode
        )

    def find(self, ours: str, solution: str) -> str | None:
        """Return the ARN of the version of that name, or None; make nothing."""
        arn = self.find_solution(solution)
        return None if arn is None else self._named(ours, arn)

    def state(self, arn: str) -> tuple[str, str]:
        """Return the status of the training, and the reason if it failed."""
        found = self._calls.describe("solution_version", arn)
        return str(found["status"]), str(found.get("failureReason") or "no reason is given")

    def metrics(self, arn: str) -> dict[str, float]:
        """Return the metrics of an ACTIVE version, by the names that both services have."""
        found = self._calls.control("get_solution_metrics", solutionVersionArn=arn)["metrics"]
        return {str(name): float(value) for name, value in found.items()}

    def stop(self, arn: str) -> None:
        """Stop the training; one that has ended, or is gone, stays as it is."""
        try:
            if not self.state(arn)[0].endswith(("ACTIVE", *FAILED)):
                self._calls.control("stop_solution_version_creation", solutionVersionArn=arn)
        except (Conflict, NotFound):  # it ended, or was deleted, at this moment
            return

    def _named(self, ours: str, solution: str) -> str | None:
        listed = self._calls.listed("solution_version", solutionArn=solution)
        newest = sorted(listed, key=lambda one: str(one["creationDateTime"]), reverse=True)
        for one in newest:  # lists have no names, so each is described
            arn = str(one["solutionVersionArn"])
            if self._calls.describe("solution_version", arn).get("name") == fitting(ours):
                return arn
        return None
