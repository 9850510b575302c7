"""`pawsonalize leave` and `contract`: other Personalize endpoints, copied to and asked."""

import csv
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import msgspec
import typer

from pawsonalize.app.cli.options import Command, Json
from pawsonalize.app.cli.terminal import print_result
from pawsonalize.aws.contract import contract_cases, error_of
from pawsonalize.aws.protocol import operations
from pawsonalize.core import clock
from pawsonalize.core.errors import InvalidInput, needing
from pawsonalize_remote_amazon.calls import camel

_POLL_SECONDS = 0.5
_QUESTIONS, _PLACES = 1_000, 25
_EXPLORED = "Exploration"  # the reason of an item that is there by chance
_STAYS = (
    "trained models: solutions were trained anew, so lists may differ a little",
    "recommendation ids, what was shown, jobs and tags: there is no call that creates them",
    "animals, their rules and access keys: Amazon Personalize has none",
)


# Both sides are asked by boto3 alone, so either may be AWS or anything that speaks its API. The
# data goes through a bucket that both may use: an export there, an import here.
def leave(
    group: Annotated[str, typer.Argument(help="The ARN of the dataset group to copy.")],
    through: Annotated[str, typer.Option(help="s3://bucket/folder that both sides may use.")],
    role: Annotated[str, typer.Option(help="The ARN of the role of both sides' jobs.")],
    source: Annotated[
        str | None, typer.Option(help="Where it is.", show_default="as for boto3")
    ] = None,
    target: Annotated[
        str | None, typer.Option(help="Where it goes.", show_default="as for boto3")
    ] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Ask both the same questions.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Copy nothing, and say what would do nothing here.")
    ] = False,
    json: Json = False,
) -> None:
    """Copy a dataset group to another endpoint of the API of Amazon Personalize.

    Schemas, data, event tracker, filters, solutions and campaigns come along; what is there already
    stays as it is. Then it prints what cannot come along, and why. `--verify` asks both sides for a
    thousand users.

    Example: pawsonalize leave ARN --through s3://b/f --role ARN --target http://host:8080/aws
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        copy = Copy(_clients(source), _clients(target), through.rstrip("/"), role)
        if dry_run:
            warnings = list(copy.warnings(group))
            print_result({"warnings": warnings}, json, lambda _: print(*warnings, sep="\n"))
            return
        copy.copy(group)
        found = {"copied": copy.done, "not_copied": [*copy.stays, *_STAYS]}
        found["compared"] = list(copy.compare()) if verify else []
    except (BotoCoreError, ClientError) as error:
        raise InvalidInput(
            f"the copy ended here: {str(error).rstrip('.')}. Correct it, then run it again"
        ) from error
    print_result(found, json, _print_copied)


def _print_copied(found: dict[str, list[str]]) -> None:
    for line in found["copied"]:
        print(f"copied {line}")
    for line in found["not_copied"]:
        print(f"not copied: {line}")
    for line in found["compared"]:
        print(line)


def _clients(url: str | None) -> dict[str, object]:
    with needing("remote-amazon", "leave needs boto3"):
        import boto3
    names = ("personalize", "personalize-runtime")
    return {name: boto3.client(name, endpoint_url=url) for name in names}


class Copy(msgspec.Struct):
    """The copy of one dataset group: what came along, and what stays."""

    source: dict[str, Any]
    target: dict[str, Any]
    through: str
    role: str
    done: list[str] = msgspec.field(default_factory=list)
    stays: list[str] = msgspec.field(default_factory=list)
    campaigns: list[tuple[str, str]] = msgspec.field(default_factory=list)

    def copy(self, arn: str) -> None:
        """Copy the dataset group."""
        # Data first, as solutions are trained on them.
        found = _described(self.source, "dataset_group", arn)
        group = {"datasetGroupArn": self._created("dataset_group", found, "domain")}
        for dataset in self._inside("dataset", arn):
            self._copy_dataset(dataset, group)
        for tracker in self._inside("event_tracker", arn):
            copied = self._created("event_tracker", tracker, **group)
            new = self.target["personalize"].describe_event_tracker(eventTrackerArn=copied)
            name, tracking_id = tracker["name"], new["eventTracker"]["trackingId"]
            self.stays.append(f"the tracking id of {name}: it is now {tracking_id}")
        for one in self._inside("filter", arn):
            self._tried("filter", one, "filterExpression", **group)
        for solution in self._inside("solution", arn):
            self._copy_solution(solution, group)
        for kind in ("recommender", "metric_attribution"):
            for one in self._inside(kind, arn):
                self.stays.append(f"{kind.replace('_', ' ')} {one['name']}: create it there")

    def warnings(self, arn: str) -> Iterator[str]:
        """Say of each resource what it has that does nothing here."""
        yield from _warned("dataset group", _described(self.source, "dataset_group", arn))
        for solution in self._inside("solution", arn):
            yield from _warned("solution", solution)
            for one in _listed(self.source, "campaign", solutionArn=str(solution["solutionArn"])):
                found = _described(self.source, "campaign", one["campaignArn"])
                yield from _warned("campaign", found)
        for recommender in self._inside("recommender", arn):
            yield from _warned("recommender", recommender)

    def compare(self) -> Iterator[str]:
        """Ask both sides of each campaign the same questions, and say how alike the lists are."""
        from botocore.exceptions import ClientError

        questions = self._questions()
        for campaign, copied in self.campaigns:
            name = copied.rpartition("/")[2]
            try:
                yield f"campaign {name}: {self._overlap(campaign, copied, questions)}"
            except ClientError as error:
                yield f"campaign {name}: not compared: {error.response['Error']['Message']}"

    def _overlap(self, campaign: str, copied: str, questions: dict[str, str]) -> str:
        shared, same, count = 0.0, 0, max(len(questions), 1)
        ranked = list(dict.fromkeys(questions.values()))[:_PLACES]
        for user, item in questions.items():
            one = _answer(self.source, campaign, user, item, ranked)
            other = _answer(self.target, copied, user, item, ranked)
            # Each side left out what it explored.
            places = min(len(one), len(other))
            one, other = one[:places], other[:places]
            shared += len({*one} & {*other}) / max(places, 1)
            same += one == other
        return (
            f"{len(questions)} questions, mean overlap@{_PLACES} {shared / count:.3f},"
            f" identical lists {same / count:.1%}"
        )

    def _copy_dataset(self, dataset: dict[str, Any], group: dict[str, str]) -> None:
        name, kind = dataset["name"], dataset["datasetType"]
        schema = _described(self.source, "schema", dataset["schemaArn"])
        known = {"schemaArn": self._created("schema", schema, "schema", "domain")}
        copied = self._created("dataset", dataset, "datasetType", **known, **group)
        job = f"leave-{name}-{clock.now()}"  # a name is used once
        path = f"{self.through}/{kind.upper()}/"
        exported = self.source["personalize"].create_dataset_export_job(
            jobName=job,
            datasetArn=dataset["datasetArn"],
            ingestionMode="ALL",
            roleArn=self.role,
            jobOutput={"s3DataDestination": {"path": path}},
        )
        _wait(self.source, "dataset_export_job", exported["datasetExportJobArn"])
        imported = self.target["personalize"].create_dataset_import_job(
            jobName=job,
            datasetArn=copied,
            roleArn=self.role,
            dataSource={"dataLocation": f"{path}{job}/"},
        )
        _wait(self.target, "dataset_import_job", imported["datasetImportJobArn"])

    def _copy_solution(self, solution: dict[str, Any], group: dict[str, str]) -> None:
        fields = ("recipeArn", "solutionConfig", "eventType", "performAutoTraining")
        copied = self._tried("solution", solution, *fields, **group)
        if copied is None:
            return
        call = self.target["personalize"]
        version = call.create_solution_version(solutionArn=copied)["solutionVersionArn"]
        try:
            _wait(self.target, "solution_version", version)
        except InvalidInput as error:
            self.stays.append(f"campaigns of solution {solution['name']}: {error.message}")
            return
        for listed in _listed(self.source, "campaign", solutionArn=solution["solutionArn"]):
            campaign = _described(self.source, "campaign", listed["campaignArn"])
            config = campaign.get("campaignConfig") or {}
            follows = config.get("syncWithLatestSolutionVersion")
            served = f"{copied}/$LATEST" if follows else version
            kept = ("minProvisionedTPS", "campaignConfig")
            arn = self._tried("campaign", campaign, *kept, solutionVersionArn=served)
            if arn is not None:
                _wait(self.target, "campaign", arn)
                self.campaigns.append((campaign["campaignArn"], arn))

    def _tried(
        self, kind: str, found: dict[str, object], *fields: str, **more: object
    ) -> str | None:
        """Create it there; where that is refused, the reason is noted."""
        from botocore.exceptions import ClientError

        try:
            return self._created(kind, found, *fields, **more)
        except ClientError as error:
            self.stays.append(f"{kind} {found['name']}: {error.response['Error']['Message']}")
            return None

    def _created(self, kind: str, found: dict[str, object], *fields: str, **more: object) -> str:
        call, name, member = self.target["personalize"], found["name"], f"{camel(kind)}Arn"
        given = {one: found[one] for one in fields if found.get(one) not in (None, {})}
        try:
            arn: str = getattr(call, f"create_{kind}")(name=name, **given, **more)[member]
        except call.exceptions.ResourceAlreadyExistsException:
            there = _listed(self.target, kind)
            arn = next(one[member] for one in there if one["name"] == name)
        if kind not in {"schema", "campaign"}:  # a schema has no status, a campaign may wait
            _wait(self.target, kind, arn)
        self.done.append(f"{kind.replace('_', ' ')} {name}")
        return arn

    def _inside(self, kind: str, group: str) -> Iterator[dict[str, object]]:
        for one in _listed(self.source, kind, datasetGroupArn=group):
            yield _described(self.source, kind, one[f"{camel(kind)}Arn"])

    def _questions(self) -> dict[str, str]:
        """The first users of the exported interactions, each with an item."""
        import boto3

        s3, (bucket, _, folder) = boto3.client("s3"), self.through[5:].partition("/")
        questions: dict[str, str] = {}
        pages = s3.get_paginator("list_objects_v2").paginate(
            Bucket=bucket, Prefix=f"{folder}/INTERACTIONS/".lstrip("/")
        )
        for key in [one["Key"] for page in pages for one in page.get("Contents", ())]:
            lines = s3.get_object(Bucket=bucket, Key=key)["Body"].iter_lines()
            for row in csv.DictReader(line.decode() for line in lines):
                questions.setdefault(row["USER_ID"], row["ITEM_ID"])
                if len(questions) == _QUESTIONS:
                    return questions
        return questions


def _answer(
    side: dict[str, Any], campaign: str, user: str, item: str, ranked: list[str]
) -> list[str]:
    """The ids of an answer: for the user, or like the item, or the best of a ranked list."""
    runtime = side["personalize-runtime"]
    recommending, ranking = runtime.get_recommendations, runtime.get_personalized_ranking
    forms: tuple[tuple[Any, str, dict[str, object]], ...] = (
        (recommending, "itemList", {"userId": user, "numResults": _PLACES}),
        (recommending, "itemList", {"itemId": item, "numResults": _PLACES}),
        (ranking, "personalizedRanking", {"userId": user, "inputList": ranked}),
    )
    for call, member, question in forms:
        try:
            items = call(campaignArn=campaign, **question)[member]
            if call is ranking:  # all of one list is the same: its better half says more
                items = items[: max(len(items) // 2, 1)]
            return [one["itemId"] for one in items if _EXPLORED not in one.get("reason", ())]
        except runtime.exceptions.InvalidInputException:
            if call is ranking:  # the last form
                raise
    raise AssertionError("the last form answers or raises")


def _warned(kind: str, described: dict[str, Any]) -> Iterator[str]:
    from pawsonalize.aws.recipes import without_effect

    for warning in dict.fromkeys(without_effect(described)):
        yield f"{kind} {described['name']}: {warning}"


def _described(side: dict[str, Any], kind: str, arn: str) -> dict[str, Any]:
    member = camel(kind)
    call = getattr(side["personalize"], f"describe_{kind}")
    found: dict[str, object] = call(**{f"{member}Arn": arn})[member]
    return found


def _listed(side: dict[str, Any], kind: str, **parent: str) -> Iterator[dict[str, Any]]:
    for page in side["personalize"].get_paginator(f"list_{kind}s").paginate(**parent):
        yield from next(value for value in page.values() if isinstance(value, list))


def _wait(side: dict[str, object], kind: str, arn: str) -> None:
    """Wait until it is ACTIVE; InvalidInput with the reason if it failed."""
    while (found := _described(side, kind, arn))["status"] != "ACTIVE":
        if "FAILED" in found["status"]:
            raise InvalidInput(f"{arn} is {found['status']}: {found.get('failureReason')}")
        time.sleep(_POLL_SECONDS)


def contract(
    endpoint: Annotated[
        str | None, typer.Option(help="Who is asked.", show_default="Amazon Personalize")
    ] = None,
    account: Annotated[
        str | None, typer.Option(help="The account in ARNs.", show_default="as the endpoint says")
    ] = None,
    json: Json = False,
) -> None:
    """Ask an endpoint of the Personalize API the contract cases that cost and change nothing.

    Each is a call that must fail; one that is accepted is undone. It prints where the endpoint
    differs. Ask Amazon Personalize with your own credentials, and tell us what it printed.

    Example: pawsonalize contract --endpoint http://127.0.0.1:8080/aws
    """
    with needing("remote-amazon", "contract needs boto3"):
        import boto3
        from botocore import xform_name
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError

    config = Config(parameter_validation=False)  # whoever is asked is to refuse, not the client

    def call(operation: str, members: Mapping[str, Any]) -> Mapping[str, Any]:
        client = boto3.client(operations()[operation].service, endpoint_url=endpoint, config=config)
        answer: Mapping[str, Any] = getattr(client, xform_name(operation))(**members)
        return answer

    try:
        groups = call("ListDatasetGroups", {})["datasetGroups"]
        region = boto3.client("personalize", endpoint_url=endpoint).meta.region_name
        if groups:  # the endpoint's, not that of the credentials
            region, owner = groups[0]["datasetGroupArn"].split(":")[3:5]
            account = account or owner
        names = {"new": f"contract-{clock.now()}", "arn": f"arn:aws:personalize:{region}:{account}"}
        asked = [
            case
            for case in contract_cases()
            if not case.needs and (account or "$arn" not in str(case.given))
        ]
        found = [
            {
                "case": case.name,
                "source": case.source,
                "expected": case.error,
                "answered": error_of(case, call, names),
            }
            for case in asked
        ]
    except (BotoCoreError, ClientError) as error:
        raise InvalidInput(f"the endpoint was not asked: {str(error).rstrip('.')}") from error
    if account is None:
        print("cases with ARNs are left out: name the endpoint's --account", file=sys.stderr)
    print_result(found, json, _print)


def _print(found: list[dict[str, str]]) -> None:
    differ = [one for one in found if one["answered"] != one["expected"]]
    for one in differ:
        print(f"differs: {one['case']}: {one['answered']}, not {one['expected']} ({one['source']})")
    print(f"{len(found)} cases, {len(found) - len(differ)} as expected")


COMMANDS = (
    Command("leave", leave, "Look after the service"),
    Command("contract", contract, "Look after the service"),
)
