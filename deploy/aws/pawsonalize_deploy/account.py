"""The AWS account that an environment is in: its clients, and the few things asked of each."""

import json
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from pawsonalize_deploy.assets import AssetBucket, empty_and_delete
from pawsonalize_deploy.deployed import TAG, DeployedStack, DeployFailed
from pawsonalize_deploy.names import Names

_ALL = "0.0.0.0/0"
_BEFORE = f"{TAG}:before"
_CONFIG = Config(retries={"mode": "standard", "total_max_attempts": 8}, read_timeout=150)


@dataclass
class Account:
    """Clients of one region, made when they are first needed."""

    region: str
    names: Names
    pause: float = 3.0
    """Seconds between two looks at what takes long."""
    _clients: dict[str, Any] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        """The client of a service."""
        if service not in self._clients:
            self._clients[service] = boto3.client(service, region_name=self.region, config=_CONFIG)
        return self._clients[service]

    @property
    def stack(self) -> DeployedStack:
        """The environment's stack."""
        return DeployedStack(self.client("cloudformation"), self.names.stack, self.pause)

    @cached_property
    def id(self) -> str:
        """The account's number."""
        return str(self.client("sts").get_caller_identity()["Account"])

    @property
    def assets(self) -> AssetBucket:
        """The bucket of the code and the template."""
        name = f"{self.names.stack}-assets-{self.id}-{self.region}"
        return AssetBucket(self.client("s3"), name, self.region)

    def subnets(self, vpc: str) -> tuple[list[str], list[str], list[str]]:
        """The zones of a VPC with a private subnet that has a way out, that subnet of each.

        Then the public subnet of each, where there is one.
        """
        inside = {"Filters": [{"Name": "vpc-id", "Values": [vpc]}]}
        tables = self.client("ec2").describe_route_tables(**inside)["RouteTables"]
        ways: dict[str, str] = {}  # of a subnet, or of the VPC: the first letters of where it leads
        for table in tables:
            routes = [one for one in table["Routes"] if one.get("DestinationCidrBlock") == _ALL]
            leads = next((_leads_to(one) for one in routes), "")
            for one in table["Associations"]:
                ways[one.get("SubnetId") or vpc] = leads
        private, public = dict[str, str](), dict[str, str]()
        found = self.client("ec2").describe_subnets(**inside)["Subnets"]
        for one in sorted(found, key=lambda one: str(one["SubnetId"])):
            name, zone = one["SubnetId"], one["AvailabilityZone"]
            leads = ways.get(name, ways.get(vpc, ""))
            if leads:
                (public if leads.startswith("igw-") else private).setdefault(zone, name)
        zones = sorted(private)
        return zones, [private[one] for one in zones], [public[x] for x in zones if x in public]

    def parameter(self, path: str) -> str | None:
        """The value of a Parameter Store entry; None without one."""
        ssm = self.client("ssm")
        try:
            return str(ssm.get_parameter(Name=path)["Parameter"]["Value"])
        except ssm.exceptions.ParameterNotFound:
            return None

    def put_parameter(self, path: str, value: str) -> None:
        """Let an entry say that, if it does not."""
        if self.parameter(path) != value:
            self.client("ssm").put_parameter(Name=path, Value=value, Type="String", Overwrite=True)

    def delete_parameter(self, path: str) -> None:
        """Take an entry away, if it is there."""
        ssm = self.client("ssm")
        with suppress(ssm.exceptions.ParameterNotFound):
            ssm.delete_parameter(Name=path)

    def remember_parameter(self, path: str) -> None:
        """Keep the value of an entry of somebody else's in a tag of it, if there is the entry."""
        value = self.parameter(path)
        if value is not None:
            tag = {"Key": _BEFORE, "Value": value}
            self.client("ssm").add_tags_to_resource(
                ResourceType="Parameter", ResourceId=path, Tags=[tag]
            )

    def give_back_parameter(self, path: str) -> None:
        """Restore the value that an entry had before; delete an entry that was made here."""
        if self.parameter(path) is None:
            return
        entry = {"ResourceType": "Parameter", "ResourceId": path}
        tags = self.client("ssm").list_tags_for_resource(**entry)["TagList"]
        before = next((one["Value"] for one in tags if one["Key"] == _BEFORE), None)
        if before is None:
            self.delete_parameter(path)
        else:  # the tag stays, as `down` may stop after this and run again
            self.put_parameter(path, before)

    def secret(self, arn: str) -> str:
        """What a secret holds."""
        return str(self.client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"])

    def fill(self, arn: str, value: str) -> bool:
        """Let a secret hold that; whether it held something else."""
        if self.secret(arn) == value:
            return False
        self.client("secretsmanager").put_secret_value(SecretId=arn, SecretString=value)
        return True

    def invoke(self, function: str, event: dict[str, Any]) -> dict[str, Any]:
        """Call a function and take its answer; DeployFailed if it raised."""
        answer = self.client("lambda").invoke(
            FunctionName=function, Payload=json.dumps(event).encode()
        )
        said: dict[str, Any] = json.loads(answer["Payload"].read())
        if answer.get("FunctionError"):
            raise DeployFailed(f"the function {function} failed: {said.get('errorMessage', said)}")
        return said

    def upload(self, bucket: str, key: str, file: Path) -> bool:
        """Put a file into a bucket unless it is there with that size; whether it was put."""
        s3 = self.client("s3")
        try:
            if s3.head_object(Bucket=bucket, Key=key)["ContentLength"] == file.stat().st_size:
                return False
        except ClientError:
            pass
        s3.upload_file(str(file), bucket, key)
        return True

    def is_ours(self, bucket: str) -> bool:
        """Whether this environment's stack made the bucket."""
        s3 = self.client("s3")
        try:
            tags = s3.get_bucket_tagging(Bucket=bucket)["TagSet"]
        except ClientError:
            return False
        return {"Key": TAG, "Value": self.names.stack} in tags

    def delete_bucket(self, bucket: str) -> None:
        """Empty a bucket and delete it."""
        empty_and_delete(self.client("s3"), bucket)

    def end_key(self, arn: str) -> bool:
        """Let KMS delete the key in 30 days, if this environment's stack made it."""
        kms = self.client("kms")
        tags = kms.list_resource_tags(KeyId=arn)["Tags"]
        if {"TagKey": TAG, "TagValue": self.names.stack} not in tags:
            return False
        if kms.describe_key(KeyId=arn)["KeyMetadata"]["KeyState"] != "PendingDeletion":
            kms.schedule_key_deletion(KeyId=arn.rpartition("/")[2], PendingWindowInDays=30)
        return True


def _leads_to(route: dict[str, Any]) -> str:
    """The id of a gateway, NAT gateway or other thing; empty where it leads nowhere."""
    if route.get("State") == "blackhole":
        return ""
    ends = ("GatewayId", "NatGatewayId", "TransitGatewayId", "InstanceId", "NetworkInterfaceId")
    return next((str(route[one]) for one in ends if route.get(one)), "")
