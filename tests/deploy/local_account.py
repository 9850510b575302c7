"""An AWS account in moto, whose functions run in this process."""

import copy
import importlib
import json
import os
from pathlib import Path
from typing import Any

import boto3
import pytest

from pawsonalize_deploy.account import Account
from pawsonalize_deploy.deployed import TAG
from pawsonalize_deploy.names import KEY_SCOPES, Names
from pawsonalize_functions import configuration
from pawsonalize_functions.clients import client
from tests.aws_shapes import REGION
from tests.deploy.templates import ENV


class LocalAccount(Account):
    """moto runs functions in Docker alone; here each runs with what its configuration says.

    What is uploaded is also below `buckets`, where the service looks for `s3://`.
    """

    buckets: Path

    def upload(self, bucket: str, key: str, file: Path) -> bool:
        there = self.buckets / bucket / key
        there.parent.mkdir(parents=True, exist_ok=True)
        there.write_bytes(file.read_bytes())
        return super().upload(bucket, key, file)

    def invoke(self, function: str, event: dict[str, Any]) -> dict[str, Any]:
        found = self.client("lambda").get_function_configuration(FunctionName=function)
        module, _, name = found["Handler"].rpartition(".")
        with pytest.MonkeyPatch.context() as patch:
            for variable, value in found["Environment"]["Variables"].items():
                if not variable.startswith("AWS_ENDPOINT_URL_PERSONALIZE"):
                    patch.setenv(variable, value)
            client.cache_clear()
            configuration.forget()
            handler = getattr(importlib.import_module(module), name)
            answer: dict[str, Any] = json.loads(json.dumps(handler(event, None)))
        client.cache_clear()
        configuration.forget()
        return answer

    def tag(self) -> None:
        """Tag what the stack made, as CloudFormation does."""
        tag = {TAG: self.names.stack}
        outputs = self.stack.outputs()
        for name, one in outputs.items():
            if name.endswith("Bucket"):
                self.client("s3").put_bucket_tagging(
                    Bucket=one, Tagging={"TagSet": [{"Key": k, "Value": v} for k, v in tag.items()]}
                )
        arn = outputs["KeyArn"]
        self.client("kms").tag_resource(
            KeyId=arn, Tags=[{"TagKey": k, "TagValue": v} for k, v in tag.items()]
        )


def local_account(monkeypatch: pytest.MonkeyPatch, buckets: Path) -> LocalAccount:
    """An account of moto, to be used after its fixture `aws`."""
    # moto refuses what a statement denies without looking at its condition, and every bucket of
    # ours denies what comes without TLS.
    from moto.iam.access_control import PermissionResult
    from moto.s3.models import FakeBucket

    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setattr(
        FakeBucket, "get_permission", lambda *_: PermissionResult.PERMITTED, raising=True
    )
    # Its CloudFormation gives its KMS a policy that its KMS cannot read.
    monkeypatch.setattr("moto.kms.responses.validate_policy", lambda *_: None)
    account = LocalAccount(REGION, Names(ENV), pause=0)
    account.buckets = buckets
    return account


def without_what_moto_cannot(folder: Path, to: Path) -> Path:
    """A copy of the self-hosted form that moto carries out: its secrets are made beside it."""
    to.mkdir()
    name = f"{ENV}-pawsonalize"
    (to / f"{name}.template.json").write_text(
        json.dumps(_carried(json.loads((folder / f"{name}.template.json").read_text())))
    )
    manifest = json.loads((folder / f"{name}.assets.json").read_text())
    for asset in manifest["files"].values():
        if asset["source"]["packaging"] == "zip":
            asset["source"]["path"] = str(folder / asset["source"]["path"])
    (to / f"{name}.assets.json").write_text(json.dumps(manifest))
    return to


def _carried(template: dict[str, Any]) -> dict[str, Any]:
    secrets = boto3.client("secretsmanager", region_name=REGION)
    arns: dict[str, str] = {}
    for name, one in template["Resources"].items():
        if one["Type"] == "AWS::SecretsManager::Secret":
            content = one["Properties"].get("SecretString", os.urandom(32).hex())
            arns[name] = secrets.create_secret(Name=name, SecretString=content)["ARN"]
        elif one["Type"] == "AWS::SecretsManager::SecretTargetAttachment":
            arns[name] = f"arn:aws:secretsmanager:{REGION}:123456789012:secret:database"
        elif one["Type"] == "AWS::RDS::DBInstance":
            del one["Properties"]["DBParameterGroupName"]
    carried: dict[str, Any] = _replaced(copy.deepcopy(template), arns)
    assert len(arns) == len(KEY_SCOPES) + 3  # root key, database, its attachment
    return carried


def _replaced(value: Any, arns: dict[str, str]) -> Any:
    if isinstance(value, dict):
        if value.get("Ref") in arns:
            return arns[value["Ref"]]
        if value.get("Fn::GetAtt", [""])[-1] == "TargetGroupFullName":
            return "targetgroup/answering"
        return {name: _replaced(one, arns) for name, one in value.items()}
    if isinstance(value, list):
        return [_replaced(one, arns) for one in value]
    return value
