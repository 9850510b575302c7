"""AWS on this machine: moto, npm's kinesis-local where it is there, and the service itself."""

import copy
import json
import logging
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.error import URLError
from urllib.request import urlopen

import boto3

from pawsonalize_deploy.deployed import DeployFailed

LOGIN = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_EC2_METADATA_DISABLED": "true",
}
KINESIS = "PAWSONALIZE_TEST_KINESIS"
"""The variable that names the program of kinesis-local, if it is not on the PATH."""
ACCOUNT = "123456789012"
_PATIENCE_SECONDS = 120


@contextmanager
def emulated_aws() -> Iterator[str]:
    """An empty AWS for all clients that are made in the block; its address."""
    # Seconds to import, and `up` needs none of it.
    from moto.core.config import default_user_config
    from moto.server import ThreadedMotoServer

    for talkative in ("werkzeug", "moto"):
        logging.getLogger(talkative).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", "Tried to parse AWS")  # what it leaves out of a stack
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    url = "http://127.0.0.1:{1}".format(*server.get_host_and_port())
    given = LOGIN | {"AWS_ENDPOINT_URL": url}
    states = {"stepfunctions": {"execute_state_machine": True}}
    try:
        with patch.dict(os.environ, given), patch.dict(default_user_config, states), mended_moto():
            yield url
    finally:
        server.stop()


@contextmanager
def mended_moto() -> Iterator[None]:
    """What our templates need, and moto does otherwise than AWS."""
    from moto.iam.access_control import PermissionResult
    from moto.kinesis.responses import KinesisResponse

    put = KinesisResponse.put_record

    def put_record(response: Any) -> Any:
        answer: Any = put(response)
        stream = response.kinesis_backend.describe_stream_summary(
            response._get_param("StreamARN"), response._get_param("StreamName")
        )
        answer.result["EncryptionType"] = stream.encryption_type
        return answer

    # It refuses what a statement denies without looking at its condition, and every bucket of ours
    # denies what comes without TLS. Its CloudFormation gives its KMS a policy that it cannot read.
    # It does not say how a record is encrypted, and hands each to a function in a container.
    with (
        patch("moto.s3.models.FakeBucket.get_permission", lambda *_: PermissionResult.PERMITTED),
        patch("moto.kms.responses.validate_policy", lambda *_: None),
        patch("moto.kinesis.responses.KinesisResponse.put_record", put_record),
        patch("moto.awslambda.models.LambdaBackend.send_kinesis_message", lambda *_, **__: None),
    ):
        yield


def make_vpc(name: str, region: str) -> None:
    """A VPC of that id with a private subnet that has a way out in each of two zones."""
    ec2 = boto3.client("ec2", region_name=region)
    with patch("moto.ec2.models.vpcs.random_vpc_id", lambda *_: name):
        ec2.create_vpc(CidrBlock="10.7.0.0/16")
    table = ec2.create_route_table(VpcId=name)["RouteTable"]["RouteTableId"]
    for at, zone in enumerate("ab"):
        made = ec2.create_subnet(
            VpcId=name, CidrBlock=f"10.7.{at}.0/24", AvailabilityZone=f"{region}{zone}"
        )["Subnet"]["SubnetId"]
        ec2.associate_route_table(RouteTableId=table, SubnetId=made)
    gateway = ec2.create_nat_gateway(SubnetId=made)["NatGateway"]["NatGatewayId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=gateway)


def without_what_moto_cannot(folder: Path, to: Path, stack: str, region: str) -> Path:
    """A copy of the self-hosted form that moto carries out: its secrets are made beside it."""
    to.mkdir()
    template = json.loads((folder / f"{stack}.template.json").read_text())
    (to / f"{stack}.template.json").write_text(json.dumps(_carried(template, region)))
    manifest = json.loads((folder / f"{stack}.assets.json").read_text())
    for asset in manifest["files"].values():
        if asset["source"]["packaging"] == "zip":
            asset["source"]["path"] = str(folder / asset["source"]["path"])
    (to / f"{stack}.assets.json").write_text(json.dumps(manifest))
    return to


def _carried(template: dict[str, Any], region: str) -> Any:
    secrets = boto3.client("secretsmanager", region_name=region)
    arns: dict[str, str] = {}
    for name, one in template["Resources"].items():
        if one["Type"] == "AWS::SecretsManager::Secret":
            content = one["Properties"].get("SecretString", os.urandom(32).hex())
            arns[name] = secrets.create_secret(Name=name, SecretString=content)["ARN"]
        elif one["Type"] == "AWS::SecretsManager::SecretTargetAttachment":
            arns[name] = f"arn:aws:secretsmanager:{region}:{ACCOUNT}:secret:database"
        elif one["Type"] == "AWS::RDS::DBInstance":
            del one["Properties"]["DBParameterGroupName"]
    return _replaced(copy.deepcopy(template), arns)


def _replaced(value: Any, arns: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        if value.get("Ref") in arns:
            return arns[value["Ref"]]
        if value.get("Fn::GetAtt", [""])[-1] == "TargetGroupFullName":
            return "targetgroup/answering"
        return {name: _replaced(one, arns) for name, one in value.items()}
    if isinstance(value, list):
        return [_replaced(one, arns) for one in value]
    return value


@contextmanager
def kinesis_local(stream: str, region: str) -> Iterator[str]:
    """Kinesis' address: kinesis-local with that stream, encrypted; moto's where it is missing."""
    command = os.environ.get(KINESIS) or shutil.which("kinesis-local")
    if not command:
        yield os.environ["AWS_ENDPOINT_URL"]
        return
    port, tls = free_port(), free_port()
    ports = {"KINESIS_MOCK_PLAIN_PORT": str(port), "KINESIS_MOCK_TLS_PORT": str(tls)}
    quick = {"CREATE_STREAM_DURATION": "1ms", "LOG_LEVEL": "ERROR"}
    server = subprocess.Popen(
        [command],
        env=os.environ | ports | quick,
        cwd=Path(command).resolve().parent,  # its certificate lies there
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for_port(port, server, "kinesis-local")
        url = f"http://127.0.0.1:{port}"
        client = boto3.client("kinesis", region_name=region, endpoint_url=url)
        client.create_stream(StreamName=stream, ShardCount=1)
        client.get_waiter("stream_exists").wait(StreamName=stream, WaiterConfig={"Delay": 1})
        client.start_stream_encryption(
            StreamName=stream, EncryptionType="KMS", KeyId="alias/aws/kinesis"
        )
        yield url
    finally:
        server.kill()
        server.wait()


class ServiceProcess:
    """`pawsonalize serve` with the settings that the task definition has, in a folder here."""

    def __init__(self, environment: Mapping[str, str], log: Path) -> None:
        """Start it; DeployFailed if it is not ready in two minutes."""
        self._data = tempfile.TemporaryDirectory(prefix="pawsonalize-accept-")
        self.port = free_port()
        here = {
            "PAWSONALIZE_HOST": "127.0.0.1",
            "PAWSONALIZE_PORT": str(self.port),
            "PAWSONALIZE_DATA_DIR": f"{self._data.name}/data",
            "PAWSONALIZE_DATABASE_URL": "",
            "PAWSONALIZE_ROLES": "serve,work",
            "PAWSONALIZE_ATTRIBUTION_SECONDS": "0.5",
            "TMPDIR": self._data.name,
        }
        with log.open("ab") as file:
            self._process = subprocess.Popen(
                [str(Path(sys.executable).with_name("pawsonalize")), "serve"],
                env=os.environ | dict(environment) | here,
                cwd=self._data.name,
                stdout=file,
                stderr=file,
            )
        self.url = f"http://127.0.0.1:{self.port}"
        wait_for_port(self.port, self._process, "pawsonalize serve")
        self._wait_until_ready()

    def end(self) -> None:
        """Let it end as on Fargate, and take its folder away."""
        self._process.terminate()
        try:
            self._process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._data.cleanup()

    def _wait_until_ready(self) -> None:
        ends = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < ends:
            try:
                urlopen(f"{self.url}/readyz?without=models").close()
            except URLError:
                time.sleep(0.1)
            else:
                return
        raise DeployFailed("pawsonalize serve is not ready: look at its log above")


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def wait_for_port(port: int, process: "subprocess.Popen[bytes]", name: str) -> None:
    """Return when the program listens; DeployFailed if it ended instead, or does not begin."""
    ends = time.monotonic() + _PATIENCE_SECONDS
    while not is_open(port):
        if process.poll() is not None or time.monotonic() > ends:
            raise DeployFailed(f"{name} does not start (exit code {process.returncode})")
        time.sleep(0.05)


def is_open(port: int) -> bool:
    """Whether somebody listens at the port."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
