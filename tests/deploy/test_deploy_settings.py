"""The config files of deployments."""

import re
from pathlib import Path

import pytest

from pawsonalize_deploy.settings import BadSettings, knobs, read_deploy_settings

ROOT = Path(__file__).parents[2]
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
        ("engine: pawsonalize\n", "", "engine is missing: add it"),
        ("engine: pawsonalize", "engine: sagemaker", "engine: Invalid enum value 'sagemaker'"),
        ("promotionThreshold: 0.01", "promotionThreshold: 7", "promotionThreshold: Expected"),
        ("region: us-east-1", "region: Virginia", "region: Expected"),
        ("keyArnPath: /a", "keyArnPath: a", "keyArnPath: Expected"),
        ('vpcId: ""', "vpcId: vpc-12345678", "vpcId needs privateSubnetIds"),
        ("image: pawsonalize:latest", 'image: ""', "image is missing"),
        ('vpcId: ""', 'vpcId: "', ", line [0-9]+: this is not YAML"),
    ],
)
def test_what_cannot_be_meant_is_one_error_with_place_and_next_move(
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


def test_an_environment_without_a_file_says_which_there_are() -> None:
    with pytest.raises(BadSettings, match=r"no .*staging\.yml: make it, or use .* dev, prod"):
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
