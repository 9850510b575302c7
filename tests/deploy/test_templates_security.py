"""What the templates promise about secrecy and rights, in both forms."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.templates import Template, listed, text

# Each with the reason why its resource cannot be named; cdk-nag is told the same.
_MAY_BE_ON_ALL = {
    "cloudwatch:PutMetricData",
    "ecr:GetAuthorizationToken",
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
}


def test_cdk_nag_finds_nothing_that_is_not_explained(template: Template) -> None:
    report = json.loads((template.folder / "validation-report.json").read_text())
    assert report["pluginReports"] == []


def test_what_is_not_explained_is_not_written(tmp_path: Path) -> None:
    from aws_cdk import App, Stack
    from aws_cdk.aws_s3 import Bucket

    from pawsonalize_deploy.stack.app import check

    app = App(outdir=str(tmp_path), analytics_reporting=False)
    Bucket(Stack(app, "open"), "bucket")
    check(app)
    with pytest.raises(RuntimeError, match="ValidationFailed"):
        app.synth()
    (nag,) = json.loads((tmp_path / "validation-report.json").read_text())["pluginReports"]
    assert "AwsSolutions-S1" in [one["ruleName"] for one in nag["violations"]]


def test_every_bucket_is_private_encrypted_versioned_and_reached_by_tls_alone(
    template: Template,
) -> None:
    policies = {one["Bucket"]["Ref"]: one for one in template.properties("S3::BucketPolicy")}
    buckets = template.of("S3::Bucket")
    assert len(buckets) >= 3
    for name, bucket in buckets.items():
        of = bucket["Properties"]
        assert set(of["PublicAccessBlockConfiguration"].values()) == {True}
        assert of["VersioningConfiguration"] == {"Status": "Enabled"}
        (rule,) = of["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        kind = rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"]
        assert kind == ("AES256" if "Logs" in name else "aws:kms")
        assert ("Logs" in name) == ("LoggingConfiguration" not in of)
        assert _refuses_without_tls(policies[name]["PolicyDocument"])


@pytest.mark.parametrize("kind", ["SNS::TopicPolicy", "SQS::QueuePolicy"])
def test_topic_and_queue_are_reached_by_tls_alone(template: Template, kind: str) -> None:
    assert _refuses_without_tls(template.only(kind)["PolicyDocument"])


def _refuses_without_tls(policy: dict[str, Any]) -> bool:
    return any(
        one["Effect"] == "Deny"
        and one["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        and one["Principal"] in ({"AWS": "*"}, "*")
        for one in policy["Statement"]
    )


def test_stream_topic_queue_and_logs_are_encrypted_by_the_key(template: Template) -> None:
    key = {"Fn::GetAtt": [next(iter(template.of("KMS::Key"))), "Arn"]}
    assert template.only("KMS::Key")["EnableKeyRotation"] is True
    encryption = template.only("Kinesis::Stream")["StreamEncryption"]
    assert encryption == {"EncryptionType": "KMS", "KeyId": key}
    assert template.only("SNS::Topic")["KmsMasterKeyId"] == key
    assert template.only("SQS::Queue")["KmsMasterKeyId"] == key
    assert [one.get("KmsKeyId") for one in template.properties("Logs::LogGroup")] == [key] * len(
        template.of("Logs::LogGroup")
    )
    assert [one["KmsKeyArn"] for one in template.properties("Lambda::Function")] == [key] * 6
    machine = template.only("StepFunctions::StateMachine")
    assert machine["EncryptionConfiguration"]["Type"] == "CUSTOMER_MANAGED_KMS_KEY"
    to = template.only("KinesisFirehose::DeliveryStream")["ExtendedS3DestinationConfiguration"]
    assert to["EncryptionConfiguration"]["KMSEncryptionConfig"]["AWSKMSKeyARN"] == key


def test_every_log_group_forgets(template: Template) -> None:
    assert all(one["RetentionInDays"] == 30 for one in template.properties("Logs::LogGroup"))


def test_no_role_may_do_every_kind_of_thing(template: Template) -> None:
    actions = [one for _, said in template.statements() for one in listed(said["Action"])]
    assert [one for one in actions if "*" in one] == []
    assert template.of("IAM::ManagedPolicy") == {}
    assert [one for one in template.properties("IAM::Role") if "ManagedPolicyArns" in one] == []


def test_what_may_be_done_to_all_resources_is_what_has_no_resource_to_name(
    template: Template,
) -> None:
    on_all = [
        (name, said) for name, said in template.statements() if "*" in listed(said["Resource"])
    ]
    assert on_all
    for name, said in on_all:
        actions = set(listed(said["Action"]))
        lists = {one for one in actions if one.startswith("personalize:List")}
        assert actions - lists <= _MAY_BE_ON_ALL, name


def test_every_component_has_a_role_of_its_own(template: Template) -> None:
    roles = [text(one["Role"]) for one in template.properties("Lambda::Function")]
    assert len(set(roles)) == 6
    tasks = [text(one["TaskRoleArn"]) for one in template.properties("ECS::TaskDefinition")]
    assert len(set(tasks)) == len(tasks)


def test_on_amazon_a_function_may_make_its_own_calls_alone(on_amazon: Template) -> None:
    may = {
        name: {one for one in on_amazon.may(f"Functions{name}Role") if "personalize" in one}
        for name in ("recommend", "rerank", "putevents")
    }
    assert may == {
        "recommend": {"personalize:GetRecommendations"},
        "rerank": {"personalize:GetPersonalizedRanking"},
        "putevents": {"personalize:PutEvents"},
    }
    steps = on_amazon.may("FunctionsstepsRole")
    assert {"personalize:UpdateCampaign", "personalize:CreateSolutionVersion"} <= steps
    assert not {one for one in steps if "Delete" in one}


def test_self_hosted_no_role_may_call_amazon_personalize(self_hosted: Template) -> None:
    assert "personalize:" not in text([said for _, said in self_hosted.statements()])


def test_the_container_has_no_rights_and_a_root_it_cannot_write(self_hosted: Template) -> None:
    tasks = self_hosted.properties("ECS::TaskDefinition")
    assert len(tasks) == 2
    for task in tasks:
        (container,) = task["ContainerDefinitions"]
        assert container["User"] == "10001:10001"
        assert container["ReadonlyRootFilesystem"] is True
        assert container["LinuxParameters"]["Capabilities"] == {"Drop": ["ALL"]}
        assert not container.get("Privileged")
        assert {"Name": "TMPDIR", "Value": "/var/lib/pawsonalize"} in container["Environment"]
        places = {one["ContainerPath"] for one in container["MountPoints"]}
        assert places == {"/var/lib/pawsonalize"}


def test_no_secret_stands_in_a_template(self_hosted: Template) -> None:
    tasks = list(self_hosted.properties("ECS::TaskDefinition"))
    functions = list(self_hosted.properties("Lambda::Function"))
    secrets = list(self_hosted.properties("SecretsManager::Secret"))
    assert min(map(len, (tasks, functions, secrets))) > 0
    for task in tasks:
        (container,) = task["ContainerDefinitions"]
        assert {one["Name"] for one in container["Secrets"]} == {
            "PGPASSWORD",
            "PAWSONALIZE_ACCESS_KEY_ROOT",
        }
    for function in functions:
        variables = function["Environment"]["Variables"]
        assert "Ref" in variables["PERSONALIZE_KEY_SECRET_ARN"]
        assert not [name for name in variables if name.startswith("AWS_SECRET")]
    for secret in secrets:
        assert "KmsKeyId" in secret
        assert "GenerateSecretString" in secret or "up fills this in" in secret["SecretString"]


def test_the_database_is_private_encrypted_and_backed_up(self_hosted: Template) -> None:
    (database,) = self_hosted.of("RDS::DBInstance").values()
    of = database["Properties"]
    assert of["StorageEncrypted"] is True
    assert of["PubliclyAccessible"] is False
    assert of["BackupRetentionPeriod"] == 7
    assert database["DeletionPolicy"] == "Snapshot"
    assert self_hosted.only("RDS::DBParameterGroup")["Parameters"] == {"rds.force_ssl": "1"}


def test_each_part_of_the_network_lets_in_the_part_before_it_alone(self_hosted: Template) -> None:
    opened = {
        (one["Description"], one["FromPort"], "CidrIp" in one)
        for one in self_hosted.properties("EC2::SecurityGroupIngress")
    }
    assert opened == {
        ("the functions", 80, False),
        ("Load balancer to target", 8080, False),
        ("the service", 5432, False),
    }
    for group in self_hosted.properties("EC2::SecurityGroup"):
        assert "SecurityGroupIngress" not in group
    for service in self_hosted.properties("ECS::Service"):
        network = service["NetworkConfiguration"]["AwsvpcConfiguration"]
        assert network["AssignPublicIp"] == "DISABLED"
    assert self_hosted.only("ElasticLoadBalancingV2::LoadBalancer")["Scheme"] == "internal"


def test_services_publish_to_the_topic_and_nobody_else_without_a_role(template: Template) -> None:
    allowed = [
        one["Principal"]
        for one in template.only("SNS::TopicPolicy")["PolicyDocument"]["Statement"]
        if one["Effect"] == "Allow"
    ]
    assert allowed == [{"Service": ["cloudwatch.amazonaws.com", "events.amazonaws.com"]}]
