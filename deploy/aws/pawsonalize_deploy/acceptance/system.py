"""The deployed system of acceptance, and what its steps do to it and see of it."""

import base64
import csv
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from typing import Any, TypeVar
from unittest.mock import patch
from urllib.parse import quote
from urllib.request import Request, urlopen

import boto3

from pawsonalize_deploy.acceptance import emulators
from pawsonalize_deploy.acceptance.event_source import EventSource, Record
from pawsonalize_deploy.acceptance.functions import DeployedFunctions
from pawsonalize_deploy.acceptance.made_up import event, groups, metadata, write_seed
from pawsonalize_deploy.deployed import DeployFailed
from pawsonalize_deploy.environment import DeployedEnvironment
from pawsonalize_deploy.written import template_of
from pawsonalize_functions import naming

ENV = "dev"
CHANGES = ("engine=pawsonalize", "image=pawsonalize:latest", "region=us-east-1")
"""What the config of the reference does not have."""
T = TypeVar("T")
_NOBODY = "http://127.0.0.1:9"
_AWAY_TRIES = 3
_PATIENCE_SECONDS = 300


class System:
    """The environment, and what the steps look at."""

    def __init__(
        self,
        environment: DeployedEnvironment,
        functions: DeployedFunctions,
        config: Path,
        folder: Path,
        ends: ExitStack,
    ) -> None:
        self._config = config
        self.environment, self.functions = environment, functions
        self.account, self.settings = environment.account, environment.settings
        self._folder, self._ends = folder, ends
        self._service: emulators.ServiceProcess | None = None
        self._assembly = folder

    @property
    def service(self) -> emulators.ServiceProcess:
        """The service with what its task definition says, as soon as somebody asks it."""
        if self._service is None:
            self._service = emulators.ServiceProcess(
                self._task_environment(), self._folder / "service.log"
            )
            self._ends.callback(self._service.end)
        return self._service

    def write_templates(self) -> str:
        """Let `synth` write the templates, for CloudFormation of moto."""
        written = self._folder / "written"
        changes = [word for change in CHANGES for word in ("--set", change)]
        _run(
            "pawsonalize-deploy",
            "synth",
            ENV,
            "--out",
            written,
            "--config",
            self._config,
            *changes,
        )
        self._assembly = emulators.without_what_moto_cannot(
            written, self._folder / "assembly", self.account.names.stack, self.settings.region
        )
        return f"{len(self._template()['Resources'])} resources"

    def up(self) -> str:
        """Bring it up, with made-up seed data."""
        seed = self._folder / "seed"
        write_seed(seed)
        self.environment.up(self._assembly, seed)
        check(self.account.stack.status() == "CREATE_COMPLETE", "the stack is not complete")
        # CloudFormation encrypts the stream, and gives its tags to what it makes; moto's does not.
        self._kinesis().start_stream_encryption(
            StreamName=self.parameter(self.settings.kinesis_stream_name_ssm_path),
            EncryptionType="KMS",
            KeyId=self.parameter(self.settings.key_arn_path),
        )
        tag = {"Key": "pawsonalize:stack", "Value": self.account.names.stack}
        outputs = self.account.stack.outputs()
        for name, one in outputs.items():
            if name.endswith("Bucket"):
                self.account.client("s3").put_bucket_tagging(Bucket=one, Tagging={"TagSet": [tag]})
        kms = {"TagKey": tag["Key"], "TagValue": tag["Value"]}
        self.account.client("kms").tag_resource(KeyId=outputs["KeyArn"], Tags=[kms])
        return f"{len(self.account.stack.resources())} resources"

    def up_again(self) -> None:
        """Bring it up once more."""
        before = self._versions()
        changes = self.environment.changes(self._assembly)
        check(not changes, f"the stack would change: {changes}")
        self.environment.up(self._assembly, None)
        check(self._versions() == before, "parameters were written again")

    def reference_cases(self, reference: Path) -> str:
        """Run the sample's own integration tests, unchanged."""
        said = _run(
            *("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull),
            *("--rootdir", reference, "tests/integration"),
            folder=reference,
        )
        return said.strip().splitlines()[-1]

    def own_cases(self) -> str:
        """Ask both functions, and put a record, as the sample's integration tests do."""
        asked = self._ask(self.settings.get_recommendation_name_path, {"userId": "1", "limit": 6})
        check(len(asked) == 6, f"not six groups: {asked}")
        animals = [
            {"itemId": str(at), "animalMetadata": metadata(groups(species)[0])}
            for at, species in enumerate((1, 2, 1))
        ]
        ranked = self._ask(
            self.settings.get_reranking_name_path, {"userId": "1", "itemMetadataList": animals}
        )
        check(sorted(ranked["ranking"]) == ["0", "1", "2"], f"not the animals: {ranked}")
        put = self._put(event("somebody", groups(1)[0]))
        check(put["EncryptionType"] == "KMS", f"the stream is not encrypted: {put}")
        return "3 passed"

    def follow_events(self) -> str:
        """New visitors look at dogs: the stream brings it to the service, and dogs come back."""
        path, dogs = self.settings.get_recommendation_name_path, []
        visitors: tuple[dict[str, Any], ...] = (
            {"userId": "a new visitor"},
            {"sessionId": "session of nobody"},
        )
        source = EventSource(
            self._mapping(), self.functions.process(self._function("putevents")).take
        )
        for visitor in visitors:
            before = self._ask(path, visitor | {"limit": 6})
            for group in groups(2)[:3]:
                self._put(event(visitor.get("userId"), group))
            source.run(self._records())
            check(not source.given_up, "records were given up")
            after = self._ask(path, visitor | {"limit": 6})
            check(after != before, "the answer did not change")
            dogs.append(sum(one["id"].startswith("2-") for one in after))
            check(dogs[-1] >= 4, f"who looked at dogs gets {after}")
            source.run(self._records())  # Lambda hands them on once more
            took = self._history(visitor)
            check(took == groups(2)[:3], f"the service has {took}")
        return f"of 6 groups {dogs[0]} are dogs for a user, {dogs[1]} for a session"

    def retry_events(self) -> str:
        """Three tries find no service, one record is no JSON, one try is killed: none is lost."""
        name, visitor = self._function("putevents"), "a patient visitor"
        seen = {one["kinesis"]["sequenceNumber"] for one in self._records()}
        for group in groups(1)[:6]:
            self._put(event(visitor, group))
        self._put(b"no JSON")
        new = [one for one in self._records() if one["kinesis"]["sequenceNumber"] not in seen]
        check(len(new) == 7, f"the stream has {len(new)} new records, not 7")

        def take(records: Sequence[Record]) -> dict[str, Any] | None:
            if source.tries == 1:
                self.functions.process(name, service=_NOBODY)
            if source.tries == _AWAY_TRIES + 1:
                self.functions.forget(name)
                self.functions.process(name).end()
                return None  # its environment died
            return self.functions.process(name).take(records)

        source = EventSource(self._mapping(), take)
        source.run(new)
        check(source.tries > _AWAY_TRIES + 1, "nothing was tried again")
        check(not source.given_up, "records were given up")
        took = self._history({"userId": visitor})
        check(took == groups(1)[:6], f"the service has {took}")
        letters = self._letters()
        check(len(letters) == 1, f"the dead-letter queue has {len(letters)} messages, not one")
        return f"{source.tries} tries, 6 events once each, 1 dead letter"

    def subscribe(self) -> str:
        """The URL of a queue that gets what the topic's subscribers get."""
        region = {"region_name": self.settings.region}
        sqs, sns = boto3.client("sqs", **region), boto3.client("sns", **region)
        queue = sqs.create_queue(QueueName="acceptance")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
        topics = [one["TopicArn"] for one in sns.list_topics()["Topics"]]
        for topic in topics:
            sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn["Attributes"]["QueueArn"])
        self._ends.callback(sqs.delete_queue, QueueUrl=queue)
        return str(queue)

    def retrain(self, queue: str, outcome: str, threshold: float) -> str:
        """Run the deployed state machine with that promotion threshold; people are told."""
        # So few events say little: the newest may move NDCG by more than the live version allows.
        self._set("steps", PROMOTION_THRESHOLD=str(threshold), LIVE_MARGIN="1")
        live = self.settings.recommendation_solution_version_ssm_path
        before = self.parameter(live)
        ended = self._execute()
        told = self._told(queue)
        check(ended["status"] == "SUCCEEDED", f"{ended['status']}: {told}")
        outcomes = {one["model"]: one["outcome"] for one in json.loads(ended["output"])["models"]}
        check(set(outcomes.values()) == {outcome}, f"outcomes: {outcomes}, {told}")
        check((self.parameter(live) != before) == (outcome == "promoted"), "the wrong one serves")
        words = "a new version is live" if outcome == "promoted" else "the live version stays"
        check(len(told) == len(outcomes), f"{len(told)} notifications")
        for one in told:
            check(words in one["Subject"], one["Subject"])
            check("The rules:" in one["Message"], one["Message"])
            check("state" in one["MessageAttributes"], f"no JSON beside: {one}")
        return "; ".join(sorted(one["Subject"] for one in told))

    def _told(self, queue: str) -> list[dict[str, Any]]:
        """What the topic's subscribers were sent since the last look."""
        sqs = self.account.client("sqs")
        found = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", ())
        for one in found:
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=one["ReceiptHandle"])
        return [json.loads(one["Body"]) for one in found]

    def attribute(self) -> str:
        """A metric attribution adds up the events of a source, and writes a report to S3."""
        personalize, bucket = self._personalize(""), self.account.stack.outputs()["ArchiveBucket"]
        group = personalize.list_dataset_groups()["datasetGroups"]
        arn = next(one["datasetGroupArn"] for one in group if one["name"].startswith(f"{ENV}-"))
        made = personalize.create_metric_attribution(
            name="acceptance",
            datasetGroupArn=arn,
            metrics=[{"eventType": "view", "metricName": "views", "expression": "SAMPLECOUNT()"}],
            metricsOutputConfig={
                "s3DataDestination": {"path": f"s3://{bucket}/metrics"},
                "roleArn": f"arn:aws:iam::{emulators.ACCOUNT}:role/writer",
            },
        )["metricAttributionArn"]
        seen = {
            "eventType": "view",
            "itemId": groups(1)[0],
            "sentAt": datetime.now(UTC),
            "metricAttribution": {"eventAttributionSource": "mail"},
        }
        self._personalize("-events").put_events(
            trackingId=self.parameter(self.settings.event_tracker_id_ssm_path),
            sessionId="s",
            userId="a reader",
            eventList=[seen, seen | {"itemId": groups(1)[1]}],
        )
        rows = _wait_for(partial(self._reports, bucket), "a report of the metric attribution")
        views = sum(float(one["VALUE"]) for one in rows)
        check(views == 2, f"the report says {rows}")
        personalize.delete_metric_attribution(metricAttributionArn=made)
        return f"s3://{bucket}/metrics has 2 views by mail"

    def down(self) -> str:
        """Take it down with its archive."""
        left = self.environment.down(delete_archive=True)
        # KMS and RDS keep these for a while, whoever deletes them.
        said = [one for one in left if "KMS deletes" not in one and "last snapshot" not in one]
        check(not said, f"left: {said}")
        return f"what AWS itself keeps for a while: {len(left)}"

    def nothing_left(self) -> None:
        """Look at the account and at the service."""
        region = {"region_name": self.settings.region}
        for secret in boto3.client("secretsmanager", **region).list_secrets()["SecretList"]:
            boto3.client("secretsmanager", **region).delete_secret(  # made beside the stack
                SecretId=secret["ARN"], ForceDeleteWithoutRecovery=True
            )
        own = self.account.client
        found = {
            "stack": self.account.stack.status(),
            "buckets": [one["Name"] for one in own("s3").list_buckets()["Buckets"]],
            "parameters": own("ssm").describe_parameters()["Parameters"],
            "functions": own("lambda").list_functions()["Functions"],
            "topics": own("sns").list_topics()["Topics"],
            "queues": [
                one
                for one in own("sqs").list_queues().get("QueueUrls", [])
                if not one.endswith("/acceptance")
            ],
            "databases": own("rds").describe_db_instances()["DBInstances"],
        }
        for kind in ("dataset_groups", "solutions", "campaigns", "datasets", "metric_attributions"):
            pages = self._personalize("").get_paginator(f"list_{kind}").paginate()
            found[kind] = [one for page in pages if f"/{ENV}-" in str(one := page)]
        left = {name: one for name, one in found.items() if one}
        check(not left, f"left: {left}")

    def _template(self) -> Any:

        return template_of(self._assembly, self.account.names.stack)

    def _task_environment(self) -> dict[str, str]:
        """The variables and the secrets of the task that answers."""
        ecs = boto3.client("ecs", region_name=self.settings.region)
        (arn,) = [
            one for one in ecs.list_task_definitions()["taskDefinitionArns"] if "Answering" in one
        ]
        (container,) = ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"][
            "containerDefinitions"
        ]
        variables = {one["name"]: one["value"] for one in container["environment"]}
        root = self.account.secret(self.account.stack.outputs()["RootSecret"])
        return variables | {"PAWSONALIZE_ACCESS_KEY_ROOT": root}

    def _function(self, name: str) -> str:
        """The physical name of a function, by the module that it runs."""
        return next(
            physical
            for logical, physical in self.account.stack.resources().items()
            if f"{name}Function" in logical and not physical.startswith("arn:")
        )

    def _mapping(self) -> dict[str, Any]:
        """The event source mapping of the template."""
        (found,) = [
            one["Properties"]
            for one in self._template()["Resources"].values()
            if one["Type"] == "AWS::Lambda::EventSourceMapping"
        ]
        return dict(found)

    def parameter(self, path: str) -> str:
        """The value of a parameter, which must be there."""
        value = self.account.parameter(path)
        check(value is not None, f"there is no parameter {path}")
        return str(value)

    def _versions(self) -> dict[str, int]:
        pages = self.account.client("ssm").get_paginator("describe_parameters").paginate()
        return {one["Name"]: one["Version"] for page in pages for one in page["Parameters"]}

    def _ask(self, path: str, question: dict[str, Any]) -> Any:
        """What the function of that parameter answers, in an envelope as the sample's callers."""
        answer = self.account.invoke(self.parameter(path), {"body": question})
        check(answer["statusCode"] == 200, str(answer))
        return json.loads(answer["body"])

    def _put(self, event: Any) -> dict[str, Any]:
        data = event if isinstance(event, bytes) else json.dumps(event).encode()
        stream = self.parameter(self.settings.kinesis_stream_name_ssm_path)
        answer: dict[str, Any] = self._kinesis().put_record(
            StreamName=stream, Data=data, PartitionKey="any"
        )
        return answer

    def _kinesis(self) -> Any:
        return boto3.client("kinesis", region_name=self.settings.region)

    def _records(self) -> list[Record]:
        """All records of the stream, as Lambda's event source hands them on."""
        kinesis, found = self._kinesis(), list[Record]()
        stream = self.parameter(self.settings.kinesis_stream_name_ssm_path)
        arn = kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]
        for shard in kinesis.list_shards(StreamName=stream)["Shards"]:
            place = kinesis.get_shard_iterator(
                StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            found += [
                {
                    "eventSource": "aws:kinesis",
                    "eventSourceARN": arn["StreamARN"],
                    "eventID": f"{shard['ShardId']}:{one['SequenceNumber']}",
                    "kinesis": {
                        "sequenceNumber": one["SequenceNumber"],
                        "partitionKey": one["PartitionKey"],
                        "approximateArrivalTimestamp": (
                            one["ApproximateArrivalTimestamp"].timestamp()
                        ),
                        "data": base64.b64encode(one["Data"]).decode(),
                    },
                }
                for one in kinesis.get_records(ShardIterator=place)["Records"]
            ]
        return found

    def _letters(self) -> list[Any]:
        found = self.account.client("lambda").get_function_configuration(
            FunctionName=self._function("putevents")
        )
        queue = found["Environment"]["Variables"]["DEAD_LETTER_QUEUE_URL"]
        answer = self.account.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
        return list(answer.get("Messages", ()))

    def _set(self, function: str, **variables: str) -> None:
        """Change the environment of a function."""
        name, own = self._function(function), self.account.client("lambda")
        found = own.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        own.update_function_configuration(
            FunctionName=name, Environment={"Variables": found | variables}
        )
        self.functions.forget(name)

    def _execute(self) -> dict[str, Any]:
        """Run the deployed document, with a second for each wait; answers how it ended."""
        machine = next(
            one for one in self.account.stack.resources().values() if ":stateMachine:" in one
        )
        states = boto3.client("stepfunctions", region_name=self.settings.region)
        # moto keeps machines that it runs apart from those that its CloudFormation makes.
        with patch.dict("moto.core.config.default_user_config", {"stepfunctions": {}}):
            document = states.describe_state_machine(stateMachineArn=machine)["definition"]
        name = f"accept-{time.monotonic_ns()}"
        arn = states.create_state_machine(
            name=name,
            definition=json.dumps(_hurried(json.loads(document))),
            roleArn=f"arn:aws:iam::{emulators.ACCOUNT}:role/states",
        )["stateMachineArn"]
        execution = states.start_execution(stateMachineArn=arn, name=name)["executionArn"]

        def ended() -> dict[str, Any] | None:
            found: dict[str, Any] = states.describe_execution(executionArn=execution)
            return None if found["status"] == "RUNNING" else found

        answer = _wait_for(ended, "the end of the execution")
        states.delete_state_machine(stateMachineArn=arn)
        return answer

    def _personalize(self, kind: str) -> Any:
        """A client of the service, with the operator's access key."""
        return boto3.client(
            f"personalize{kind}",
            region_name=self.settings.region,
            endpoint_url=f"{self.service.url}/aws",
            aws_access_key_id=self._key["accessKeyId"],
            aws_secret_access_key=self._key["secretAccessKey"],
        )

    @cached_property
    def _key(self) -> dict[str, str]:
        """The operator's access key, as `up` has filled it in."""
        held: dict[str, str] = json.loads(
            self.account.secret(self.account.stack.outputs()["KeyOperator"])
        )
        return held

    def _history(self, visitor: dict[str, str]) -> list[str]:
        """The items of the visitor's events as the service has them, by their names."""
        ((kind, name),) = visitor.items()
        place = f"/v1/{kind.removesuffix('Id')}s/{quote(name)}/history"
        token = f"{self._key['accessKeyId']}.{self._key['secretAccessKey']}"
        asked = Request(
            f"{self.service.url}{place}?datasetGroup={naming.dataset_group(ENV)}",
            headers={"Authorization": f"Bearer {token}"},
        )
        with urlopen(asked) as answer:
            return sorted(one["itemId"] for one in json.load(answer)["events"])

    def _reports(self, bucket: str) -> list[dict[str, str]]:
        s3, rows = self.account.client("s3"), list[dict[str, str]]()
        for one in s3.list_objects_v2(Bucket=bucket, Prefix="metrics/").get("Contents", ()):
            text = s3.get_object(Bucket=bucket, Key=one["Key"])["Body"].read().decode()
            rows += csv.DictReader(io.StringIO(text))
        return rows


def _hurried(document: Any) -> Any:
    """The document with a second in place of each longer wait."""
    if isinstance(document, list):
        return [_hurried(one) for one in document]
    if not isinstance(document, dict):
        return document
    hurried = {name: _hurried(one) for name, one in document.items()}
    return hurried | {"Seconds": 1} if document.get("Type") == "Wait" else hurried


def _run(program: str, *words: str | Path, folder: Path | None = None) -> str:
    """What a program of this environment prints; DeployFailed with that if it fails."""
    ended = subprocess.run(
        [Path(sys.executable).with_name(program), *words],
        cwd=folder,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    check(ended.returncode == 0, ended.stdout + ended.stderr)
    return ended.stdout


def check(holds: bool, otherwise: str) -> None:
    """DeployFailed with those words, unless it holds."""
    if not holds:
        raise DeployFailed(otherwise)


def _wait_for(look: Callable[[], T | None], what: str) -> T:
    ends = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < ends:
        if found := look():
            return found
        time.sleep(0.1)
    raise DeployFailed(f"{what} did not come in {_PATIENCE_SECONDS} s")
