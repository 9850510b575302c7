"""The archive in S3, as docs/how-to/archive-in-s3.md says: its commands, documents and rights.

Moto stands for AWS. It checks rights, but reads no conditions and encrypts nothing: so it would
refuse every call by the policy for TLS, which is taken away before objects are put.
"""

import json
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest

from pawsonalize.app.adapters import opened
from pawsonalize.app.settings import Settings
from pawsonalize.core.errors import Conflict, InvalidInput, StorageUnavailable
from pawsonalize.core.objects.stores import open_objects
from pawsonalize.core.times import DAY
from pawsonalize.events.archive.archiver import Compaction
from pawsonalize.events.archive.reading import verify
from tests.erasing import NOW, erasing_of
from tests.event_data import event

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "archive-in-s3.md").read_text()
DOCUMENTS = dict(re.findall(r"^`([\w-]+\.json)`[^\n]*\n\n```json\n(.*?)```", PAGE, re.M | re.S))
COMMANDS = [line for line in PAGE.splitlines() if line.startswith("aws ")]
BUCKET, KEY_ID = "shelter-archive", "1234abcd-12ab-34cd-56ef-1234567890ab"
ROLE = "pawsonalize-prod"
ANYBODY = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}


def value_of(text: str, replaced: Callable[[str], str]) -> Any:
    """A value as the AWS CLI reads it: a file's text, `Name=value,…`, or itself."""
    if text.startswith("file://"):
        return replaced(DOCUMENTS[text.removeprefix("file://")])
    if re.fullmatch(r"(\w+=\w[\w-]*,?)+", text):
        words = {"true": True, "false": False}
        pairs = (pair.split("=") for pair in text.split(","))
        return {name: words.get(value, value) for name, value in pairs}
    return replaced(text)


def run(command: str, replaced: Callable[[str], str]) -> Any:
    """Run a command of the page, by the SDK that the AWS CLI is made of."""
    _, service, operation, *words = shlex.split(command)
    client = boto3.client(service.replace("s3api", "s3"))
    shape = client.meta.service_model.operation_model(
        client.meta.method_to_api_mapping[operation.replace("-", "_")]
    ).input_shape
    by_option = {
        re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower(): (name, member)
        for name, member in shape.members.items()
    }
    given = {}
    for option, text in zip(words[::2], words[1::2], strict=True):
        name, member = by_option[option.removeprefix("--")]
        value = value_of(text, replaced)
        is_document = member.type_name == "structure" and isinstance(value, str)
        given[name] = json.loads(value) if is_document else value
    return getattr(client, operation.replace("-", "_"))(**given)


@pytest.fixture(scope="module")
def cloud(aws_url: str) -> Iterator[str]:
    """An AWS that was set up as the page says, the bucket new; the ARN of the key."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in credentials(aws_url, "test", "test").items():
            patch.setenv(name, value)
        role = {"Version": "2012-10-17", "Statement": [ANYBODY]}
        boto3.client("iam").create_role(RoleName=ROLE, AssumeRolePolicyDocument=json.dumps(role))
        # Moto asks for the right to delete objects on the bucket, where AWS asks on each of them.
        delete = {
            "Effect": "Allow",
            "Action": "s3:DeleteObject",
            "Resource": f"arn:aws:s3:::{BUCKET}",
        }
        boto3.client("iam").put_role_policy(
            RoleName=ROLE,
            PolicyName="moto",
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [delete]}),
        )
        made = {"key": ""}
        for command in COMMANDS:
            answer = run(command, lambda text: text.replace(KEY_ID, made["key"]))
            if "create-key" in command:
                made["key"] = answer["KeyMetadata"]["KeyId"]
        s3 = boto3.client("s3")
        policy = json.loads(s3.get_bucket_policy(Bucket=BUCKET)["Policy"])
        assert policy == json.loads(DOCUMENTS["tls-only.json"])
        s3.delete_bucket_policy(Bucket=BUCKET)
        yield f"arn:aws:kms:eu-west-1:123456789012:key/{made['key']}"


def credentials(url: str, key: str, secret: str, token: str = "") -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_SESSION_TOKEN": token,
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@pytest.fixture
def admin(cloud: str, aws_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The administrator of that AWS; the ARN of the key."""
    for name, value in credentials(aws_url, "test", "test").items():
        monkeypatch.setenv(name, value)
    return cloud


@pytest.fixture
def server(admin: str, aws_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server with the rights of the page and no others; the ARN of the key."""
    arn = f"arn:aws:iam::123456789012:role/{ROLE}"
    given = boto3.client("sts").assume_role(RoleArn=arn, RoleSessionName="server")["Credentials"]
    names = ("AccessKeyId", "SecretAccessKey", "SessionToken")
    for name, value in credentials(aws_url, *(given[one] for one in names)).items():
        monkeypatch.setenv(name, value)
    httpx.post(f"{aws_url}/moto-api/reset-auth", content="0").raise_for_status()
    yield admin
    httpx.post(f"{aws_url}/moto-api/reset-auth", content="inf").raise_for_status()


def test_the_bucket_is_as_the_page_says(admin: str) -> None:
    s3 = boto3.client("s3")
    assert s3.get_bucket_versioning(Bucket=BUCKET)["Status"] == "Enabled"
    (rule,) = s3.get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"]
    assert rule["NoncurrentVersionExpiration"]["NoncurrentDays"] == 14
    blocked = s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"]
    assert set(blocked.values()) == {True}


def test_archive_compaction_and_erasure_work_with_the_rights_of_the_page(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, aws_url: str
) -> None:
    url = f"s3://{BUCKET}/prod"
    settings = Settings(data_dir=tmp_path, archive_url=url, archive_kms_key=server)
    with opened(settings) as adapters:
        for number in range(3):
            adapters.log.append([event(f"{number}", user=f"u{number}", raw="{}")])
            adapters.archiver.archive_once()
        assert Compaction(adapters.ledger, adapters.objects).compact(NOW + 2 * DAY) == 3
        erasing = erasing_of(adapters, settings)
        erasing.erase_user("u1", "pawsonalize")
        erasing.work()
        assert verify(adapters.log, adapters.ledger, adapters.objects).findings == ()
        assert adapters.log.count() == 2
    for name, value in credentials(aws_url, "test", "test").items():
        monkeypatch.setenv(name, value)
    httpx.post(f"{aws_url}/moto-api/reset-auth", content="inf").raise_for_status()
    s3 = boto3.client("s3")
    keys = [one["Key"] for one in s3.list_objects_v2(Bucket=BUCKET, Prefix="prod")["Contents"]]
    assert sorted(key.split("/")[1] for key in keys) == ["2026", "erasures"]
    for key in keys:
        head = s3.head_object(Bucket=BUCKET, Key=key)
        assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", server)


@pytest.mark.parametrize("prefix", ["staging", "production", ""])
def test_the_rights_end_with_the_folder_of_the_environment(server: str, prefix: str) -> None:
    elsewhere = open_objects(f"s3://{BUCKET}/{prefix}".rstrip("/"), server)
    with pytest.raises(StorageUnavailable):
        elsewhere.put("a", b"x")
    with pytest.raises(StorageUnavailable):
        elsewhere.get("a")


def test_objects_are_put_once_replaced_and_encrypted_with_the_key(
    admin: str, tmp_path: Path
) -> None:
    objects = open_objects(f"s3://{BUCKET}/other", admin)
    large = tmp_path / "large"
    large.write_bytes(b"x" * 12_000_000)  # goes up in parts
    objects.put("a/b", b"first")
    objects.put("a/b", b"first")
    with pytest.raises(Conflict):
        objects.put("a/b", b"second")
    objects.replace("c", b"replaced")
    objects.replace("large", large)
    sizes = {one.key: one.size for one in objects.stored()}
    assert sizes == {"a/b": 5, "c": 8, "large": 12_000_000}
    for key in objects.list():
        head = boto3.client("s3").head_object(Bucket=BUCKET, Key=f"other/{key}")
        assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", admin)


def test_without_a_key_the_bucket_decides(admin: str) -> None:
    open_objects(f"s3://{BUCKET}/plain").put("a", b"x")
    head = boto3.client("s3").head_object(Bucket=BUCKET, Key="plain/a")
    assert head.get("ServerSideEncryption") in {None, "AES256"}


@pytest.mark.parametrize("location", ["archive", "file:///srv/archive", "gs://bucket/prefix"])
def test_a_key_of_kms_is_for_s3_alone(location: str) -> None:
    with pytest.raises(InvalidInput, match="archive_url to s3"):
        open_objects(location, "key")
