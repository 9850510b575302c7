"""The dataset group at Amazon Personalize with its datasets and its event tracker."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from typing import Any

from pawsonalize.domain.errors import AlreadyExists, EngineUnavailable, NotFound
from pawsonalize.wings.remote_amazon.calls import Calls

_LONGEST = 63


@dataclass(frozen=True, slots=True)
class AmazonNames:
    """Names, or ARNs, at Amazon Personalize; what is not named there is called after ours."""

    dataset_group: str = "pawsonalize"
    event_tracker: str = ""
    """The tracker's ARN; empty: the tracker of the dataset group."""
    solutions: Mapping[str, str] = field(default_factory=dict)
    """By the names of ours."""
    campaigns: Mapping[str, str] = field(default_factory=dict)
    """By the names of ours."""

    def solution(self, ours: str) -> str:
        """The name or ARN of the solution there."""
        return self.solutions.get(ours) or fitting(f"{self.group}-{ours}")

    def campaign(self, ours: str) -> str:
        """The name or ARN of the campaign there."""
        return self.campaigns.get(ours) or fitting(f"{self.group}-{ours}")

    @property
    def group(self) -> str:
        """The name of the dataset group there."""
        return self.dataset_group.rpartition("/")[2]


def fitting(name: str) -> str:
    """The name, shortened if it is too long there; two that differ stay different."""
    if len(name) <= _LONGEST:
        return name
    digest = blake2b(name.encode(), digest_size=6).hexdigest()
    return f"{name[: _LONGEST - len(digest) - 1]}-{digest}"


def is_arn(name: str) -> bool:
    """Whether that is an ARN rather than a name."""
    return name.startswith("arn:")


_WAIT_SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class AmazonDataset:
    """A dataset there: its ARN, and the names of its schema's fields."""

    arn: str
    fields: frozenset[str]


class AmazonGroup:
    """Finds what the names say, and makes what is missing. What is found is remembered."""

    def __init__(
        self,
        calls: Calls,
        names: AmazonNames,
        check_seconds: float,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._calls = calls
        self._names = names
        self._check_seconds = check_seconds
        self._sleep = sleep
        self._datasets: dict[str, AmazonDataset] = {}

    @cached_property
    def arn(self) -> str:
        """The dataset group, ACTIVE; NotFound if it is named by an ARN that is no group's."""
        name = self._names.dataset_group
        if is_arn(name):
            return str(
                self._calls.control("describe_dataset_group", datasetGroupArn=name)["datasetGroup"][
                    "datasetGroupArn"
                ]
            )
        found = self.find()
        if found is None:
            try:
                found = self._calls.control("create_dataset_group", name=name)["datasetGroupArn"]
            except AlreadyExists:  # another process was faster
                found = self.find()
                if found is None:
                    raise
        arn = str(found)

        def status() -> tuple[str, str]:
            group = self._calls.control("describe_dataset_group", datasetGroupArn=arn)
            return _state(group["datasetGroup"])

        self._active(f"dataset group {name}", status)
        return arn

    def find(self) -> str | None:
        """The ARN of the dataset group, or None; makes nothing."""
        name = self._names.dataset_group
        if is_arn(name):
            return name
        groups = self._calls.listed("list_dataset_groups", "datasetGroups")
        return next((one["datasetGroupArn"] for one in groups if one["name"] == name), None)

    @cached_property
    def tracking_id(self) -> str:
        """The tracking id of the event tracker; one is made if the group has none."""
        if self._names.event_tracker:
            return self._tracking_id_of(self._names.event_tracker)
        self.dataset("Interactions")  # a tracker needs it
        arn = self._tracker()
        if arn is None:
            name = self.arn.rpartition("/")[2]
            try:
                arn = self._calls.control(
                    "create_event_tracker", name=name, datasetGroupArn=self.arn
                )["eventTrackerArn"]
            except AlreadyExists:
                arn = self._tracker()
                if arn is None:
                    raise
        return self._tracking_id_of(str(arn))

    def dataset(self, dataset_type: str, avro: str = "") -> AmazonDataset:
        """The dataset of that type, `Interactions` or `Items`, ACTIVE.

        Without one it is made, with that schema.
        """
        if dataset_type not in self._datasets:
            arn = self._dataset(dataset_type) or self._made(dataset_type, avro)
            found = self._calls.control("describe_dataset", datasetArn=arn)["dataset"]
            schema = self._calls.control("describe_schema", schemaArn=found["schemaArn"])
            fields = json.loads(schema["schema"]["schema"])["fields"]
            named = frozenset(str(one["name"]) for one in fields)
            self._datasets[dataset_type] = AmazonDataset(arn, named)
        return self._datasets[dataset_type]

    def _dataset(self, dataset_type: str) -> str | None:
        listed = self._calls.listed("list_datasets", "datasets", datasetGroupArn=self.arn)
        wanted = (one["datasetArn"] for one in listed if _is_of(one, dataset_type))
        return next(wanted, None)

    def _made(self, dataset_type: str, avro: str) -> str:
        name = f"{self.arn.rpartition('/')[2]}-{dataset_type.lower()}"
        schema = self._schema(name, avro or INTERACTIONS)
        try:
            arn = str(
                self._calls.control(
                    "create_dataset",
                    name=name,
                    schemaArn=schema,
                    datasetGroupArn=self.arn,
                    datasetType=dataset_type,
                )["datasetArn"]
            )
        except AlreadyExists:
            found = self._dataset(dataset_type)
            if found is None:
                raise
            arn = found

        def status() -> tuple[str, str]:
            return _state(self._calls.control("describe_dataset", datasetArn=arn)["dataset"])

        self._active(f"dataset {name}", status)
        return arn

    def _schema(self, name: str, avro: str) -> str:
        try:
            return str(self._calls.control("create_schema", name=name, schema=avro)["schemaArn"])
        except AlreadyExists:
            listed = self._calls.listed("list_schemas", "schemas")
            found = next((one["schemaArn"] for one in listed if one["name"] == name), None)
            if found is None:
                raise
            return str(found)

    def _tracker(self) -> str | None:
        listed = self._calls.listed(
            "list_event_trackers", "eventTrackers", datasetGroupArn=self.arn
        )
        return next((one["eventTrackerArn"] for one in listed), None)

    def _tracking_id_of(self, arn: str) -> str:
        def described() -> Mapping[str, Any]:
            found = self._calls.control("describe_event_tracker", eventTrackerArn=arn)
            tracker: Mapping[str, Any] = found["eventTracker"]
            return tracker

        self._active(f"event tracker {arn}", lambda: _state(described()))
        return str(described()["trackingId"])

    def _active(self, what: str, status: Callable[[], tuple[str, str]]) -> None:
        """Wait until it is ACTIVE; NotFound with the reason if it never will be."""
        waited = 0.0
        while True:
            state, reason = status()
            if state == "ACTIVE":
                return
            if state.endswith(("FAILED", "STOPPED")) or state.startswith("DELETE"):
                raise NotFound(
                    f"{what} at Amazon Personalize is {state} ({reason or 'no reason is given'}):"
                    " delete it there, or name another"
                )
            if waited >= _WAIT_SECONDS:
                raise EngineUnavailable(
                    f"{what} at Amazon Personalize is {state} after {waited:.0f} seconds"
                )
            self._sleep(self._check_seconds)
            waited += self._check_seconds


def _is_of(dataset: Mapping[str, Any], dataset_type: str) -> bool:
    return str(dataset["datasetType"]).lower() == dataset_type.lower()


def _state(described: Mapping[str, Any]) -> tuple[str, str]:
    return str(described["status"]), str(described.get("failureReason") or "")


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
"""The schema of interactions, where none is there yet."""
