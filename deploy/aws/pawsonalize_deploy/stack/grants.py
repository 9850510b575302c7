"""Permissions in full words: CDK's own grants say `s3:GetObject*` and the like.

cdk-nag finds every wildcard, and each is acknowledged by itself, with its reason.
"""

from collections.abc import Iterable
from typing import Any

from aws_cdk import Acknowledgment, Stack, Validations
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from constructs import Construct

_READ = ("s3:GetObject",)
_WRITE = ("s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload")
_USE = ("kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey", "kms:DescribeKey")


def meant(construct: Construct, rule: str, reason: str) -> None:
    """Tell cdk-nag that what it finds there is meant, and why."""
    Validations.of(construct).acknowledge(Acknowledgment(id=rule, reason=reason))


def allow(
    role: iam.IRole,
    actions: Iterable[str],
    resources: Iterable[str],
    *,
    because: str = "",
    only_if: dict[str, Any] | None = None,
) -> None:
    """Let the role do that; `because` says why resources have a wildcard, where they have one."""
    resources = list(resources)
    role.add_to_principal_policy(
        iam.PolicyStatement(actions=list(actions), resources=resources, conditions=only_if)
    )
    for resource in resources:
        name = _as_found(Stack.of(role).resolve(resource))
        if "*" in name:
            assert because, f"{name}: say why"
            meant(role, f"AwsSolutions-IAM5[Resource::{name}]", because)


def read_bucket(role: iam.IRole, bucket: s3.IBucket) -> None:
    """Let the role list the bucket and read its objects."""
    _on_bucket(role, bucket, "*", _READ)


def write_bucket(role: iam.IRole, bucket: s3.IBucket, below: str = "*") -> None:
    """Let the role list the bucket, and read, write and delete its objects, or some of them."""
    _on_bucket(role, bucket, below, _READ + _WRITE)


def use_key(role: iam.IRole, key: kms.IKey) -> None:
    """Let the role encrypt and decrypt with the key."""
    allow(role, _USE, [key.key_arn])


def publish(role: iam.IRole, topic: sns.ITopic) -> None:
    """Let the role publish to the topic."""
    allow(role, ["sns:Publish"], [topic.topic_arn])


def invoke(role: iam.IRole, function: lambda_.IFunction) -> None:
    """Let the role call the function."""
    allow(role, ["lambda:InvokeFunction"], [function.function_arn])


def _on_bucket(role: iam.IRole, bucket: s3.IBucket, below: str, actions: tuple[str, ...]) -> None:
    allow(role, ["s3:ListBucket", "s3:GetBucketLocation"], [bucket.bucket_arn])
    allow(
        role,
        actions,
        [bucket.arn_for_objects(below)],
        because="Objects of this one bucket, whose names are not known before",
    )
    if bucket.encryption_key is not None:
        use_key(role, bucket.encryption_key)


def _as_found(resolved: Any) -> str:
    """A resource as cdk-nag writes it: `<Bucket.Arn>/*`."""
    if isinstance(resolved, str):
        return resolved
    if "Ref" in resolved:
        return f"<{resolved['Ref']}>"
    if "Fn::GetAtt" in resolved:
        return f"<{'.'.join(resolved['Fn::GetAtt'])}>"
    return "".join(map(_as_found, resolved["Fn::Join"][1]))
