"""What an environment needs in Amazon Personalize: found, or else created; and deleted again.

It runs in Lambda, because only there the service can be reached that answers the API. A call does
what can be done now, and answers how far it is. Whoever calls it calls again until it is done.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pawsonalize_functions import naming, removal
from pawsonalize_functions.clients import client
from pawsonalize_functions.configuration import is_on, setting
from pawsonalize_functions.seed_schemas import SEED_SCHEMAS

_PLURALS = {"INTERACTIONS": "interactions", "ITEMS": "items"}
_RECIPES = {
    "recommender": "arn:aws:personalize:::recipe/aws-user-personalization",
    "reranking": "arn:aws:personalize:::recipe/aws-personalized-ranking",
}
_VARIABLES = {"recommender": "RECOMMENDER", "reranking": "RERANKER"}
_READY = "ACTIVE"


class Waiting(Exception):
    """What comes next has to wait for something."""


@dataclass
class Progress:
    """How far it is."""

    lines: list[dict[str, str]] = field(default_factory=list)
    """Each thing with its name and status."""
    waits_for: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    """What will not come by waiting, each with the next move."""

    def note(self, what: str, name: str, status: str, reason: str = "") -> None:
        """Note a thing; raises Waiting unless it is ready."""
        self.lines.append({"what": what, "name": name, "status": status})
        if status == _READY:
            return
        if "FAILED" in status:
            self.failed.append(f"{what} {name}: {reason or status}")
        else:
            self.waits_for.append(f"{what} {name}")
        raise Waiting

    def answer(self) -> dict[str, Any]:
        """For the caller."""
        return {
            "lines": self.lines,
            "waitsFor": self.waits_for,
            "failed": self.failed,
            "done": not self.waits_for and not self.failed,
        }


def handler(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """`{"action": "create", "again": false}` or `{"action": "delete"}`.

    `again` lets a training or import that failed before be tried once more.
    """
    if event["action"] == "delete":
        return removal.remove()
    progress = Progress()
    again = bool(event.get("again"))
    try:
        group = _dataset_group(progress)
        _event_tracker(progress, group)
        datasets = [_dataset(progress, group, kind) for kind in _PLURALS]
    except Waiting:
        return progress.answer()
    models = ["recommender"] + (["reranking"] if is_on("RERANKING_ENABLED") else [])
    for model in models:
        try:
            _model(progress, group, model, datasets, again)
        except Waiting:
            continue
    return progress.answer()


def _env() -> str:
    return setting("ENVIRONMENT")


def _tags() -> list[dict[str, str]]:
    return [{"tagKey": removal.TAG, "tagValue": naming.stack(_env())}]


def _dataset_group(progress: Progress) -> str:
    personalize, name = client("personalize"), naming.dataset_group(_env())
    arn = next(
        (
            one["datasetGroupArn"]
            for one in _listed("list_dataset_groups", "datasetGroups")
            if one["name"] == name
        ),
        None,
    )
    if arn is None:
        created = personalize.create_dataset_group(
            name=name,
            roleArn=setting("IMPORT_ROLE_ARN"),
            kmsKeyArn=setting("KEY_ARN"),
            tags=_tags(),
        )
        arn = created["datasetGroupArn"]
    group = personalize.describe_dataset_group(datasetGroupArn=arn)["datasetGroup"]
    progress.note("dataset group", name, group["status"], group.get("failureReason", ""))
    return str(arn)


def _event_tracker(progress: Progress, group: str) -> None:
    """A dataset group has one event tracker, whatever it is called."""
    personalize = client("personalize")
    trackers = _listed("list_event_trackers", "eventTrackers", datasetGroupArn=group)
    found = next((one["eventTrackerArn"] for one in trackers), None)
    if found is None:
        found = personalize.create_event_tracker(
            name=naming.event_tracker(_env()),
            datasetGroupArn=group,
            tags=_tags(),
        )["eventTrackerArn"]
    tracker = personalize.describe_event_tracker(eventTrackerArn=found)["eventTracker"]
    progress.note("event tracker", tracker["name"], tracker["status"])
    _write("EVENT_TRACKER_ID_PATH", tracker["trackingId"])


def _dataset(progress: Progress, group: str, kind: str) -> str:
    personalize = client("personalize")
    arn = next(
        (
            one["datasetArn"]
            for one in _listed("list_datasets", "datasets", datasetGroupArn=group)
            if one["datasetType"].upper() == kind
        ),
        None,
    )
    if arn is None:
        arn = personalize.create_dataset(
            name=naming.dataset(_env(), _PLURALS[kind]),
            schemaArn=_schema(kind),
            datasetGroupArn=group,
            datasetType=kind.title(),
            tags=_tags(),
        )["datasetArn"]
    dataset = personalize.describe_dataset(datasetArn=arn)["dataset"]
    progress.note("dataset", dataset["name"], dataset["status"])
    return str(arn)


def _schema(kind: str) -> str:
    name = naming.schema(_env(), _PLURALS[kind])
    found = (one["schemaArn"] for one in _listed("list_schemas", "schemas") if one["name"] == name)
    arn = next(found, None)
    if arn is None:
        created = client("personalize").create_schema(name=name, schema=SEED_SCHEMAS[kind])
        arn = created["schemaArn"]
    return str(arn)


def _imported(progress: Progress, dataset: str, again: bool) -> None:
    """The dataset has its seed data."""
    personalize = client("personalize")
    kind = dataset.rpartition("/")[2].upper()
    place = f"seed_data/{_PLURALS[kind]}"
    jobs = list(_listed("list_dataset_import_jobs", "datasetImportJobs", datasetArn=dataset))
    if any(one["status"] == _READY for one in jobs):
        return
    jobs.sort(key=lambda one: one["creationDateTime"])
    arn = jobs[-1]["datasetImportJobArn"] if jobs else None
    if arn is None or (again and "FAILED" in jobs[-1]["status"]):
        bucket = setting("SEED_BUCKET")
        if (
            not client("s3")
            .list_objects_v2(Bucket=bucket, Prefix=f"{place}/", MaxKeys=1)
            .get("KeyCount")
        ):
            progress.failed.append(
                f"there are no seed data below s3://{bucket}/{place}/: put CSV files there, or"
                " give their folder with `up --seed FOLDER`"
            )
            raise Waiting
        arn = personalize.create_dataset_import_job(
            jobName=f"{naming.dataset(_env(), _PLURALS[kind])}-{len(jobs)}",
            datasetArn=dataset,
            dataSource={"dataLocation": f"s3://{bucket}/{place}/"},
            roleArn=setting("IMPORT_ROLE_ARN"),
        )["datasetImportJobArn"]
    job = personalize.describe_dataset_import_job(datasetImportJobArn=arn)["datasetImportJob"]
    progress.note("import", job["jobName"], job["status"], job.get("failureReason", ""))


def _model(progress: Progress, group: str, model: str, datasets: list[str], again: bool) -> None:
    """Solution, first version and campaign of a model, and their Parameter Store entries."""
    solution = _solution(progress, group, model)
    campaign = _campaign(solution, model)
    if campaign is None:
        for dataset in datasets:
            _imported(progress, dataset, again)
        version = _version(progress, solution, again)
        campaign = _create_campaign(model, version)
    described = client("personalize").describe_campaign(campaignArn=campaign)["campaign"]
    _follow_knobs(model, described)
    progress.note(
        "campaign", described["name"], described["status"], described.get("failureReason", "")
    )
    _write(f"{_VARIABLES[model]}_CAMPAIGN_ARN_PATH", campaign)
    _write(f"{_VARIABLES[model]}_SOLUTION_VERSION_ARN_PATH", described["solutionVersionArn"])


def _solution(progress: Progress, group: str, model: str) -> str:
    personalize, name = client("personalize"), naming.solution(_env(), model)
    variable = f"{_VARIABLES[model]}_SOLUTION_ARN_PATH"
    there = list(_listed("list_solutions", "solutions", datasetGroupArn=group))
    arns = [one["solutionArn"] for one in there]
    known = _read(variable)
    arn = known if known in arns else None
    # By its name, or as the one of its recipe that somebody made before.
    for key, wanted in (("name", name), ("recipeArn", _RECIPES[model])):
        arn = arn or next((one["solutionArn"] for one in there if one.get(key) == wanted), None)
    if arn is None:
        arn = personalize.create_solution(
            name=name,
            datasetGroupArn=group,
            recipeArn=_RECIPES[model],
            performAutoTraining=False,  # the state machine trains
            tags=_tags(),
        )["solutionArn"]
    solution = personalize.describe_solution(solutionArn=arn)["solution"]
    progress.note("solution", solution["name"], solution["status"])
    _write(variable, arn)
    return str(arn)


def _version(progress: Progress, solution: str, again: bool) -> str:
    personalize = client("personalize")
    versions = list(_listed("list_solution_versions", "solutionVersions", solutionArn=solution))
    versions.sort(key=lambda one: one["creationDateTime"])
    ready = [one["solutionVersionArn"] for one in versions if one["status"] == _READY]
    if ready:
        return str(ready[-1])
    if versions and not (again and "FAILED" in versions[-1]["status"]):
        arn = versions[-1]["solutionVersionArn"]
    else:
        created = personalize.create_solution_version(
            solutionArn=solution, name=f"first-{len(versions)}"
        )
        arn = created["solutionVersionArn"]
    version = personalize.describe_solution_version(solutionVersionArn=arn)["solutionVersion"]
    progress.note("solution version", arn, version["status"], version.get("failureReason", ""))
    return str(arn)


def _campaign(solution: str, model: str) -> str | None:
    """The campaign of the entry, if it is one of the solution's; else the one of the name."""
    there = list(_listed("list_campaigns", "campaigns", solutionArn=solution))
    known = _read(f"{_VARIABLES[model]}_CAMPAIGN_ARN_PATH")
    if known in [one["campaignArn"] for one in there]:
        return known
    name = naming.campaign(_env(), model)
    return next((one["campaignArn"] for one in there if one["name"] == name), None)


def _wanted(model: str) -> dict[str, Any]:
    """What the knobs say about a campaign."""
    if model == "reranking":
        return {"minProvisionedTPS": int(setting("RERANK_MIN_PROVISIONED_TPS"))}
    return {
        "minProvisionedTPS": int(setting("MIN_PROVISIONED_TPS")),
        "campaignConfig": {
            "itemExplorationConfig": {
                "explorationWeight": setting("EXPLORATION_WEIGHT"),
                "explorationItemAgeCutOff": setting("EXPLORATION_ITEM_AGE_CUT_OFF"),
            }
        },
    }


def _create_campaign(model: str, version: str) -> str:
    created = client("personalize").create_campaign(
        name=naming.campaign(_env(), model),
        solutionVersionArn=version,
        tags=_tags(),
        **_wanted(model),
    )
    return str(created["campaignArn"])


def _follow_knobs(model: str, campaign: dict[str, Any]) -> None:
    """Update a campaign that others were told of, and set it to waiting."""
    wanted = _wanted(model)
    if campaign["status"] != _READY or campaign.get("latestCampaignUpdate", {}).get(
        "status", _READY
    ) not in (_READY, "CREATE FAILED"):
        return
    config = {
        key: value
        for key, value in campaign.get("campaignConfig", {}).items()
        if key == "itemExplorationConfig"
    }
    has = {"minProvisionedTPS": campaign["minProvisionedTPS"]}
    if model == "recommender":
        has["campaignConfig"] = config
    if has != wanted:
        client("personalize").update_campaign(
            campaignArn=campaign["campaignArn"],
            solutionVersionArn=campaign["solutionVersionArn"],
            **wanted,
        )


def _listed(operation: str, members: str, **asked: str) -> Iterator[dict[str, Any]]:
    for page in client("personalize").get_paginator(operation).paginate(**asked):
        yield from page[members]


def _read(variable: str) -> str | None:
    ssm = client("ssm")
    try:
        return str(ssm.get_parameter(Name=setting(variable))["Parameter"]["Value"])
    except ssm.exceptions.ParameterNotFound:
        return None


def _write(variable: str, value: str) -> None:
    """Write an entry if it says something else: when it was written is when it changed."""
    if _read(variable) != value:
        client("ssm").put_parameter(
            Name=setting(variable), Value=value, Type="String", Overwrite=True
        )
