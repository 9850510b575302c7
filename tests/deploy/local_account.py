"""An AWS account in moto, whose functions run in this process."""

import importlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from pawsonalize_deploy.acceptance.emulators import mended_moto
from pawsonalize_deploy.account import Account
from pawsonalize_deploy.deployed import TAG
from pawsonalize_deploy.names import Names
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
        with pytest.MonkeyPatch.context() as variables:
            for variable, value in found["Environment"]["Variables"].items():
                if not variable.startswith("AWS_ENDPOINT_URL_PERSONALIZE"):
                    variables.setenv(variable, value)
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


@contextmanager
def local_account(buckets: Path) -> Iterator[LocalAccount]:
    """An account of moto, to be used after its fixture `aws`."""
    with mended_moto(), patch.dict(os.environ, {"AWS_DEFAULT_REGION": REGION}):
        account = LocalAccount(REGION, Names(ENV), pause=0)
        account.buckets = buckets
        yield account
