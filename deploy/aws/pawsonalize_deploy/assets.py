"""The bucket from which CloudFormation takes the template and Lambda its code."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

_MOMENT = (1980, 1, 1, 0, 0, 0)  # the same files are the same archive, whenever it is made


class AssetBucket:
    """A private bucket beside the stack; `up` makes it, `down` takes it away."""

    def __init__(self, s3: Any, name: str, region: str) -> None:
        self._s3 = s3
        self.name = name
        self._region = region

    def exists(self) -> bool:
        """Whether it is there."""
        try:
            self._s3.head_bucket(Bucket=self.name)
        except ClientError:
            return False
        return True

    def ensure(self) -> None:
        """Make it, if need be: private, encrypted, and by TLS alone."""
        if not self.exists():
            where = (
                {}
                if self._region == "us-east-1"  # which S3 refuses to be told
                else {"CreateBucketConfiguration": {"LocationConstraint": self._region}}
            )
            self._s3.create_bucket(Bucket=self.name, **where)
        self._s3.put_public_access_block(
            Bucket=self.name,
            PublicAccessBlockConfiguration=dict.fromkeys(
                (
                    "BlockPublicAcls",
                    "IgnorePublicAcls",
                    "BlockPublicPolicy",
                    "RestrictPublicBuckets",
                ),
                True,
            ),
        )
        arn = f"arn:aws:s3:::{self.name}"
        policy = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Deny",
                    "Principal": "*",
                    "Action": "s3:*",
                    "Resource": [arn, f"{arn}/*"],
                    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                }
            ],
        }
        self._s3.put_bucket_policy(Bucket=self.name, Policy=json.dumps(policy))

    def publish(self, assembly: Path, stack: str) -> str:
        """Upload what is not there; answers the template's URL."""
        manifest = json.loads((assembly / f"{stack}.assets.json").read_text("utf-8"))
        url = ""
        for asset in manifest["files"].values():
            source = assembly / asset["source"]["path"]
            key = next(iter(asset["destinations"].values()))["objectKey"]
            if not self._has(key):
                content = (
                    zipped(source) if asset["source"]["packaging"] == "zip" else source.read_bytes()
                )
                self._s3.put_object(Bucket=self.name, Key=key, Body=content)
            if source.name == f"{stack}.template.json":
                url = f"https://{self.name}.s3.{self._region}.amazonaws.com/{key}"
        return url

    def _has(self, key: str) -> bool:
        try:
            self._s3.head_object(Bucket=self.name, Key=key)
        except ClientError:
            return False
        return True


def zipped(folder: Path) -> bytes:
    """The folder's files as a ZIP archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                entry = zipfile.ZipInfo(file.relative_to(folder).as_posix(), _MOMENT)
                entry.external_attr = 0o644 << 16
                archive.writestr(entry, file.read_bytes(), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def empty_and_delete(s3: Any, bucket: str) -> None:
    """Delete a bucket with every version of every object; nothing if it is gone."""
    try:
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            listed = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
            gone = [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in listed]
            if gone:
                s3.delete_objects(Bucket=bucket, Delete={"Objects": gone, "Quiet": True})
        s3.delete_bucket(Bucket=bucket)
    except s3.exceptions.NoSuchBucket:
        pass
