"""The config files of deployments."""

import re
from pathlib import Path

import boto3
import msgspec
import pytest

from pawsonalize_deploy.account import Account
from pawsonalize_deploy.deployed import DeployFailed
from pawsonalize_deploy.environment import DeployedEnvironment
from pawsonalize_deploy.names import Names
from pawsonalize_deploy.settings import BadSettings, knobs, read_deploy_settings
from tests.deploy.templates import settings_of

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT.parent / "shared/data/reference"
DEV = (ROOT / "deploy/aws/config/dev.yml").read_text(encoding="utf-8")


@pytest.mark.parametrize("env", ["dev", "prod"])
def test_the_config_files_that_come_along_are_good(env: str) -> None:
    assert read_deploy_settings(env).engine == "pawsonalize"


def _written(folder: Path, old: str = "", new: str = "", *, more: str = "") -> Path:
    (folder / "dev.yml").write_text(DEV.replace(old, new, 1) + more if old else DEV + more)
    return folder


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("promotionThreshold:", "promotionTreshold:", "promotionTreshold is no key.*promotionThr"),
        ("engine: pawsonalize\n", "", "engine is missing: add `engine: pawsonalize` or"),
        (
            "engine: pawsonalize",
            "engine: sagemaker",
            ", line 2: engine is 'sagemaker': .*: write pawsonalize or amazon-personalize",
        ),
        ("promotionThreshold: 0.01", "promotionThreshold: 7", "promotionThreshold is 7: Expected"),
        ("region: us-east-1", "region: Virginia", "region is 'Virginia': Expected"),
        ("keyArnPath: /a", "keyArnPath: a", "keyArnPath is 'animal-.*': Expected"),
        ("minProvisionedTPS: 1", "promotionThreshold: 1", "line 2[0-9]: promotionThr.* is on line"),
        ('vpcId: ""', "privateSubnetIds: [subnet-12345678]\nvpcId: vpc-12345678", "go together"),
        ("image: pawsonalize:latest", 'image: ""', "image is missing"),
        ('vpcId: ""', 'vpcId: "', ", line [0-9]+: this is not YAML"),
    ],
)
def test_what_cannot_be_meant_is_an_error_with_value_place_and_next_move(
    tmp_path: Path, old: str, new: str, says: str
) -> None:
    with pytest.raises(BadSettings, match=f"(?s)dev.yml.*{says}"):
        read_deploy_settings("dev", _written(tmp_path, old, new))


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("internetFacing: true", "needs certificateArn and domainName"),
        ("domainName: pets.example", "go together"),
        ("serviceMaxTasks: 1\nserviceMinTasks: 2", "serviceMaxTasks is below"),
        ("colour: green", "colour is no key of a deployment: take it out"),
    ],
)
def test_what_contradicts_itself_is_refused(tmp_path: Path, more: str, says: str) -> None:
    with pytest.raises(BadSettings, match=says):
        read_deploy_settings("dev", _written(tmp_path, more=f"{more}\n"))


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "dev.yaml").write_text("colour: green\npromotionThreshold: 7\nserviceMinTasks: 9\n")
    with pytest.raises(BadSettings) as error:
        read_deploy_settings("dev", tmp_path, ["minProvisionedTPS=0"])
    lines = [line.partition(" is ")[0] for line in str(error.value).splitlines()]
    place = f"{tmp_path}/dev.yaml"
    assert lines == [
        f"{place}, line 1: colour",
        f"{place}, line 2: promotionThreshold",
        "--set minProvisionedTPS=0: minProvisionedTPS",
        f"{place}: engine",
    ]


def test_a_file_of_the_reference_s_keys_is_taken_as_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CDK_DEPLOY_REGION", "eu-central-1")
    (tmp_path / "qa.yaml").write_text(
        "vpcId: vpc-0a1b2c3d\nkeyArnPath: /pets/key\npromotionThreshold: 0.2\n"
        "rerankingEnabled: False\n"
    )
    read = read_deploy_settings("qa", tmp_path, ["engine=amazon-personalize"])
    assert (read.engine, read.region, read.vpc_id) == (
        "amazon-personalize",
        "eu-central-1",
        "vpc-0a1b2c3d",
    )
    assert (read.key_arn_path, read.promotion_threshold) == ("/pets/key", 0.2)
    assert not read.reranking_enabled
    assert read.solution_arn_ssm_path == "/animal-recommender-qa/solution/arn"


@pytest.mark.skipif(not REFERENCE.is_dir(), reason="the reference is not here")
def test_the_reference_s_own_file_is_taken_as_it_stands() -> None:
    changes = ["engine=pawsonalize", "image=pawsonalize:1"]
    read = read_deploy_settings("dev", REFERENCE / "config", changes)
    assert read.s3_name_ssm_path == "/animal-recommender/s3/name"
    assert read.region == "us-east-1"


def test_two_files_of_one_environment_are_refused(tmp_path: Path) -> None:
    for end in ("yml", "yaml"):
        (tmp_path / f"dev.{end}").write_text(DEV)
    with pytest.raises(BadSettings, match=r"dev\.yml and .*dev\.yaml are both there: keep one"):
        read_deploy_settings("dev", tmp_path)


def test_subnets_of_a_vpc_are_looked_up(aws: None) -> None:
    ec2 = boto3.client("ec2", region_name="us-east-1")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    made = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{at}.0/24", AvailabilityZone=zone)["Subnet"]
        for at, zone in enumerate(["us-east-1a", "us-east-1b", "us-east-1a", "us-east-1c"])
    ]
    names = [one["SubnetId"] for one in made]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    for subnets, way in (
        (names[:2], {"NatGatewayId": ec2.create_nat_gateway(SubnetId=names[2])["NatGateway"]}),
        (names[2:3], {"GatewayId": gateway}),
    ):
        table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
        ways = {k: v if isinstance(v, str) else v["NatGatewayId"] for k, v in way.items()}
        ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", **ways)
        for subnet in subnets:
            ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
    account = Account("us-east-1", Names("dev"))
    settings = settings_of("pawsonalize", vpc_id=vpc)
    found = DeployedEnvironment(settings, account, print).in_its_network().settings
    assert found.availability_zones == ["us-east-1a", "us-east-1b"]
    assert found.private_subnet_ids == names[:2]
    facing = msgspec.structs.replace(settings, internet_facing=True)
    with pytest.raises(DeployFailed, match="1 of them with a public one"):
        DeployedEnvironment(facing, account, print).in_its_network()


def test_an_environment_without_a_file_says_which_there_are() -> None:
    with pytest.raises(BadSettings, match=r"no .*staging\.yml .*: make it, or use .* dev, prod"):
        read_deploy_settings("staging")


def test_an_environment_is_a_short_name(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="cannot be an environment"):
        read_deploy_settings("../prod", tmp_path)


def test_the_page_has_every_key_as_the_class_has_it() -> None:
    page = (ROOT / "docs/how-to/deploy-on-aws.md").read_text(encoding="utf-8")
    _, _, page = page.partition("## Every key")
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \|", page, re.MULTILINE)
    defaults = {
        name: "needed"
        if one.required
        else ["false", "true"][one.default]
        if isinstance(one.default, bool)
        else str(one.default)
        if isinstance(one.default, (int, float)) or one.default
        else ""
        for name, one in knobs().items()
    }
    for name in ("availabilityZones", "privateSubnetIds", "publicSubnetIds"):
        defaults[name] = ""
    assert {name: default.strip("`") for name, default in rows} == defaults
