"""What the templates make of an event's way, of retraining and of the service."""

import json
from typing import Any

import pytest

from pawsonalize.app.settings import Settings, read_settings
from pawsonalize.core.scopes import Scope
from pawsonalize_deploy import retraining
from pawsonalize_deploy.names import FUNCTIONS, KEY_SCOPES, Names
from tests.aws_shapes import ACCOUNT, REGION
from tests.deploy.templates import ENV, Template, settings_of, text


def test_the_stream_is_on_demand_and_keeps_events_for_48_hours(template: Template) -> None:
    stream = template.only("Kinesis::Stream")
    assert stream["StreamModeDetails"] == {"StreamMode": "ON_DEMAND"}
    assert stream["RetentionPeriodHours"] == 48


def test_no_event_is_given_up_while_the_stream_has_it(template: Template) -> None:
    mapping = template.only("Lambda::EventSourceMapping")
    assert mapping["BatchSize"] == 50
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["BisectBatchOnFunctionError"] is True
    assert mapping["StartingPosition"] == "TRIM_HORIZON"
    # Lambda's defaults: tried again without end, until the stream forgets it.
    assert not mapping.keys() & {"MaximumRetryAttempts", "MaximumRecordAgeInSeconds"}


def test_the_archive_has_a_folder_for_each_hour_and_one_for_errors(template: Template) -> None:
    delivery = template.only("KinesisFirehose::DeliveryStream")
    to = delivery["ExtendedS3DestinationConfiguration"]
    assert to["Prefix"] == "!{timestamp:yyyy/MM/dd/HH}/"
    assert to["ErrorOutputPrefix"].startswith("error/!{firehose:error-output-type}/")
    assert delivery["DeliveryStreamType"] == "KinesisStreamAsSource"


def test_the_state_machine_is_what_retraining_writes(template: Template) -> None:
    machine = template.only("StepFunctions::StateMachine")
    steps = next(name for name in template.of("Lambda::Function") if "steps" in name)
    topic = next(iter(template.of("SNS::Topic")))
    joined = "".join(
        part if isinstance(part, str) else f"<{next(iter(part.values()))}>"
        for part in machine["DefinitionString"]["Fn::Join"][1]
    )
    choices = retraining.RetrainingSettings(step_seconds=120)
    wanted = retraining.definition(choices, f"<{[steps, 'Arn']}>", f"<{topic}>")
    assert json.loads(joined) == wanted
    assert machine["LoggingConfiguration"]["Level"] == "ALL"
    assert machine["TracingConfiguration"] == {"Enabled": True}


def test_retraining_starts_daily_and_ends_that_tell_nobody_are_told(template: Template) -> None:
    rules = template.properties("Events::Rule")
    assert "rate(1 day)" in [one.get("ScheduleExpression") for one in rules]
    (told,) = [one for one in rules if "EventPattern" in one]
    assert told["EventPattern"]["detail"]["status"] == ["ABORTED", "TIMED_OUT"]
    (target,) = told["Targets"]
    assert target["Arn"] == {"Ref": next(iter(template.of("SNS::Topic")))}
    failed = _alarm(template, "RetrainingFailed")
    assert failed["MetricName"] == "ExecutionsFailed"


@pytest.mark.parametrize(
    ("alarm", "metric", "above"),
    [
        ("StreamLag", "IteratorAge", 600_000),
        ("DeadLetters", "ApproximateNumberOfMessagesVisible", 0),
        ("ArchiveLag", "DeliveryToS3.DataFreshness", 1800),
        ("ModelAgerecommender", "ModelAgeDays", 14),
        ("ModelAgereranker", "ModelAgeDays", 14),
        ("NoPromotionrecommender", "DaysSincePromotion", 7),
        ("NoPromotionreranker", "DaysSincePromotion", 7),
        *((f"Errors{name.replace('_', '')}", "Errors", 0) for name in FUNCTIONS),
    ],
)
def test_an_alarm_goes_to_the_topic(
    template: Template, alarm: str, metric: str, above: float
) -> None:
    found = _alarm(template, alarm)
    assert (found["MetricName"], found["Threshold"]) == (metric, above)
    topic = [{"Ref": next(iter(template.of("SNS::Topic")))}]
    assert found["AlarmActions"] == found["OKActions"] == topic


def _alarm(template: Template, name: str) -> dict[str, Any]:
    (found,) = [
        one["Properties"]
        for key, one in template.of("CloudWatch::Alarm").items()
        if key.removeprefix("Alarms")[:-8] == name
    ]
    # With a label it is an expression of one metric.
    for expression in found.get("Metrics", ()):
        found = found | expression["MetricStat"]["Metric"]
    return dict(found)


def test_the_functions_find_each_name_of_the_contract(template: Template) -> None:
    settings = settings_of(template.engine)
    functions = template.of("Lambda::Function")
    assert len(functions) > 2
    for name, one in functions.items():
        variables = one["Properties"]["Environment"]["Variables"]
        assert variables["EVENT_TRACKER_ID_PATH"] == settings.event_tracker_id_ssm_path
        assert (
            variables["RECOMMENDER_CAMPAIGN_ARN_PATH"]
            == settings.recommendation_campaign_arn_ssm_path
        )
        assert variables["RERANKING_ENABLED"] == "true"
        endpoints = [key for key in variables if key.startswith("AWS_ENDPOINT_URL_PERSONALIZE")]
        assert len(endpoints) == (3 if template.engine == "pawsonalize" else 0)
        assert ("DEAD_LETTER_QUEUE_URL" in variables) == ("putevents" in name)
        assert one["Properties"]["Runtime"] == "python3.14"


def test_parameters_have_the_names_of_the_config_file(template: Template) -> None:
    settings = settings_of(template.engine)
    assert {one["Name"] for one in template.properties("SSM::Parameter")} == {
        settings.key_arn_path,
        settings.s3_name_ssm_path,
        settings.s3_seed_name_ssm_path,
        settings.logs_name_ssm_path,
        settings.kinesis_stream_name_ssm_path,
    }


def test_what_the_stack_leaves_stays_with_the_parameters_that_lead_to_it(
    template: Template,
) -> None:
    stays = {
        (one["Type"].removeprefix("AWS::"), one["Properties"].get("Name", ""))
        for one in template.content["Resources"].values()
        if one.get("DeletionPolicy") == "Retain"
    }
    settings = settings_of(template.engine)
    assert stays == {
        ("KMS::Key", ""),
        ("S3::Bucket", ""),
        ("S3::BucketPolicy", ""),
        ("SSM::Parameter", settings.key_arn_path),
        ("SSM::Parameter", settings.s3_name_ssm_path),
        ("SSM::Parameter", settings.s3_seed_name_ssm_path),
        ("SSM::Parameter", settings.logs_name_ssm_path),
    }


def _container(template: Template, role: str) -> dict[str, Any]:
    (found,) = [
        container
        for task in template.properties("ECS::TaskDefinition")
        for container in task["ContainerDefinitions"]
        if {"Name": "PAWSONALIZE_ROLES", "Value": role} in container["Environment"]
    ]
    return dict(found)


def _as_settings(container: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings of the program in that container."""
    for one in container["Environment"]:
        value = one["Value"]
        monkeypatch.setenv(
            one["Name"],
            value
            if isinstance(value, str)
            else ACCOUNT
            if value == {"Ref": "AWS::AccountId"}
            else "".join(
                part if isinstance(part, str) else "made-by-aws" for part in value["Fn::Join"][1]
            ),
        )
    monkeypatch.setenv("PAWSONALIZE_ACCESS_KEY_ROOT", "ab" * 32)
    settings, written = read_settings()
    assert written.warnings == ()
    return settings


@pytest.mark.parametrize("role", ["serve", "work"])
def test_the_program_in_the_container_understands_its_settings(
    self_hosted: Template, role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    container = _container(self_hosted, role)
    settings = _as_settings(container, monkeypatch)
    assert container["Command"] == ["serve"]
    assert settings.own_roles == (role,)
    assert settings.database.startswith("postgresql://pawsonalize@made-by-aws:5432/")
    assert settings.artefact_url == "s3://made-by-aws/service"
    assert settings.archive == "s3://made-by-aws/service"
    assert settings.requires_keys
    assert settings.requires_signatures
    assert (settings.aws_region, settings.aws_account_id) == (REGION, ACCOUNT)
    assert settings.retrain_schedule == ""
    mapped = [one["ContainerPort"] for one in container["PortMappings"]]
    assert mapped == [settings.port]


def test_each_function_has_an_access_key_for_its_own_calls(
    self_hosted: Template, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = _as_settings(_container(self_hosted, "serve"), monkeypatch)
    given = dict(one.split("=") for one in settings.first_access_keys.split(","))
    names = Names(ENV)
    assert given == {names.key_id(who): scope for who, scope in KEY_SCOPES.items()}
    assert {Scope(one) for one in given.values()} == {
        Scope.RUNTIME,
        Scope.EVENTS,
        Scope.CONTROL_PLANE,
        Scope.OPERATOR,
    }


def test_the_load_balancer_asks_whether_a_task_is_ready(self_hosted: Template) -> None:
    targets = self_hosted.only("ElasticLoadBalancingV2::TargetGroup")
    assert targets["HealthCheckPath"] == "/readyz?without=models"
    assert targets["Port"] == 8080
    scaling = self_hosted.only("ApplicationAutoScaling::ScalableTarget")
    assert (scaling["MinCapacity"], scaling["MaxCapacity"]) == (1, 4)


def test_amazon_itself_needs_no_network_and_no_service(on_amazon: Template) -> None:
    kinds = {one["Type"].split("::")[1] for one in on_amazon.content["Resources"].values()}
    assert kinds.isdisjoint({"EC2", "ECS", "RDS", "ElasticLoadBalancingV2", "SecretsManager"})


def test_the_dashboard_shows_the_lag_and_the_age_of_models(template: Template) -> None:
    body = text(template.only("CloudWatch::Dashboard")["DashboardBody"])
    for word in ("IteratorAge", "ModelAgeDays", "DaysSincePromotion", "DataFreshness"):
        assert word in body
