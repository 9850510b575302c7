"""The functions: each with a role of its own that may do what it does, and nothing else."""

from dataclasses import dataclass
from pathlib import Path

from aws_cdk import Duration, IgnoreMode, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from pawsonalize_deploy.names import FUNCTIONS
from pawsonalize_deploy.stack.buckets import Buckets
from pawsonalize_deploy.stack.foundation import Foundation
from pawsonalize_deploy.stack.grants import allow, meant, publish, read_bucket, use_key
from pawsonalize_deploy.stack.network import Network
from pawsonalize_deploy.stack.secrets import Secrets
from pawsonalize_deploy.stack.stream import EventStream

ASSET = Path(__file__).parents[2] / "functions"
SECONDS = {"recommend": 30, "rerank": 30, "put_events": 60, "steps": 120, "setup": 120, "watch": 60}
"""How long a call may take."""
_TO_A_NETWORK = (
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
)
_OF_SETUP = (
    *(
        f"personalize:{verb}{kind}"
        for kind in ("DatasetGroup", "Dataset", "Schema", "EventTracker", "Solution", "Campaign")
        for verb in ("Create", "Describe", "Delete")
    ),
    *(
        f"personalize:{verb}{kind}"
        for kind in ("DatasetImportJob", "SolutionVersion")
        for verb in ("Create", "Describe")
    ),
    "personalize:UpdateCampaign",
    "personalize:TagResource",
    "personalize:ListTagsForResource",
)
_WHY_WILD = (
    "Versions, trackers and import jobs have ids that Amazon chooses; every other name begins with"
    " this environment's"
)
_LISTS = tuple(
    f"personalize:List{kinds}"
    for kinds in (
        "DatasetGroups",
        "Datasets",
        "DatasetImportJobs",
        "EventTrackers",
        "Solutions",
        "SolutionVersions",
        "Campaigns",
        "Schemas",
    )
)


@dataclass(frozen=True, slots=True)
class OurService:
    """Where the functions find Amazon Personalize's API if the service answers it."""

    url: str
    network: Network
    secrets: Secrets


class Functions(Construct):
    """The functions of `pawsonalize_functions`, and what they are allowed."""

    def __init__(
        self,
        scope: Construct,
        base: Foundation,
        *,
        buckets: Buckets,
        events: EventStream,
        service: OurService | None,
    ) -> None:
        super().__init__(scope, "Functions")
        self._base, self._service = base, service
        self._seed = buckets.seed
        self.dead_letters = sqs.Queue(
            self,
            "DeadLetters",
            encryption=sqs.QueueEncryption.KMS,
            encryption_master_key=base.key,
            enforce_ssl=True,
            retention_period=Duration.days(14),
        )
        self.import_role = self._import_role()
        self.of = {name: self._function(name) for name in FUNCTIONS}
        self._read_stream(events)
        self._allow_each()
        for asked in ("recommend", "rerank"):
            self.of[asked].add_permission(
                "Gateway",
                principal=iam.ServicePrincipal("apigateway.amazonaws.com"),
                source_account=Stack.of(self).account,
            )

    def _import_role(self) -> iam.Role:
        """By which Amazon Personalize reads seed data, and uses the key of the dataset group."""
        role = iam.Role(
            self,
            "ImportRole",
            assumed_by=iam.ServicePrincipal(
                "personalize.amazonaws.com",
                conditions={"StringEquals": {"aws:SourceAccount": Stack.of(self).account}},
            ),
        )
        read_bucket(role, self._seed)
        use_key(role, self._base.key)
        return role

    def _environment(self, name: str) -> dict[str, str]:
        settings, names = self._base.settings, self._base.names
        variables = {
            "EVENT_TRACKER_ID_PATH": settings.event_tracker_id_ssm_path,
            "RECOMMENDER_CAMPAIGN_ARN_PATH": settings.recommendation_campaign_arn_ssm_path,
            "RERANKER_CAMPAIGN_ARN_PATH": settings.reranking_campaign_arn_ssm_path,
            "RECOMMENDER_SOLUTION_ARN_PATH": settings.solution_arn_ssm_path,
            "RERANKER_SOLUTION_ARN_PATH": settings.reranking_solution_arn_ssm_path,
            "RECOMMENDER_SOLUTION_VERSION_ARN_PATH": (
                settings.recommendation_solution_version_ssm_path
            ),
            "RERANKER_SOLUTION_VERSION_ARN_PATH": settings.reranking_solution_version_ssm_path,
            "RERANKING_ENABLED": str(settings.reranking_enabled).lower(),
            "PROMOTION_THRESHOLD": str(settings.promotion_threshold),
            "MIN_PROVISIONED_TPS": str(settings.min_provisioned_tps),
            "RERANK_MIN_PROVISIONED_TPS": str(settings.rerank_min_provisioned_tps),
            "EXPLORATION_WEIGHT": str(settings.exploration_weight),
            "EXPLORATION_ITEM_AGE_CUT_OFF": str(settings.exploration_item_age_cut_off),
            "NOTIFICATION_TOPIC_ARN": self._base.topic.topic_arn,
            "ENVIRONMENT": names.env,
        }
        if name == "put_events":
            variables["DEAD_LETTER_QUEUE_URL"] = self.dead_letters.queue_url
        if name == "setup":
            variables |= {
                "SEED_BUCKET": self._seed.bucket_name,
                "IMPORT_ROLE_ARN": self.import_role.role_arn,
                "KEY_ARN": self._base.key.key_arn,
            }
        if self._service is not None:
            variables |= {
                f"AWS_ENDPOINT_URL_PERSONALIZE{kind}": f"{self._service.url}/aws"
                for kind in ("", "_EVENTS", "_RUNTIME")
            }
            secret = self._service.secrets.of[name]
            variables["PERSONALIZE_KEY_SECRET_ARN"] = secret.secret_arn
        return variables

    def _function(self, name: str) -> lambda_.Function:
        base, service = self._base, self._service
        scope = Construct(self, name)
        group = base.log_group(scope, "Logs")
        role = iam.Role(scope, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        group.grant_write(role)
        if service is not None:
            allow(
                role,
                _TO_A_NETWORK,
                ["*"],
                because="Lambda puts a function into a VPC with these; it has no names before",
            )
            service.secrets.of[name].grant_read(role)
        return lambda_.Function(
            scope,
            "Function",
            description=f"Pawsonalize: {name}",
            runtime=lambda_.Runtime.PYTHON_3_14,
            architecture=lambda_.Architecture.ARM_64,
            handler=f"pawsonalize_functions.{name}.handler",
            code=lambda_.Code.from_asset(
                str(ASSET),
                exclude=["**/__pycache__", "**/__pycache__/**", "**/*.pyc"],
                ignore_mode=IgnoreMode.GLOB,
            ),
            role=role,
            environment=self._environment(name),
            environment_encryption=base.key,
            log_group=group,
            logging_format=lambda_.LoggingFormat.JSON,
            timeout=Duration.seconds(SECONDS[name]),
            memory_size=256,
            vpc=service.network.vpc if service else None,
            vpc_subnets=(
                ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS)
                if service
                else None
            ),
            security_groups=[service.network.functions] if service else None,
        )

    def _read_stream(self, events: EventStream) -> None:
        # Without `retry_attempts` and `max_record_age`, which have no limit: a service that is away
        # costs no event that the stream still has. The function keeps what it can never take.
        self.of["put_events"].add_event_source(
            sources.KinesisEventSource(
                events.stream,
                starting_position=lambda_.StartingPosition.TRIM_HORIZON,
                batch_size=50,
                report_batch_item_failures=True,
                bisect_batch_on_error=True,
            )
        )
        allow(self.of["put_events"].role, ["sqs:SendMessage"], [self.dead_letters.queue_arn])
        use_key(self.of["put_events"].role, self._base.key)
        meant(self.dead_letters, "AwsSolutions-SQS3", "It is the dead-letter queue")

    def _allow_each(self) -> None:
        settings = self._base.settings
        campaigns = [
            settings.recommendation_campaign_arn_ssm_path,
            settings.reranking_campaign_arn_ssm_path,
        ]
        versions = [
            settings.recommendation_solution_version_ssm_path,
            settings.reranking_solution_version_ssm_path,
        ]
        solutions = [settings.solution_arn_ssm_path, settings.reranking_solution_arn_ssm_path]
        tracker = settings.event_tracker_id_ssm_path
        self._reads("recommend", campaigns)
        self._reads("rerank", campaigns)
        self._reads("put_events", [tracker])
        self._reads("steps", campaigns + solutions + versions)
        self._writes("steps", versions)
        publish(self.of["steps"].role, self._base.topic)
        use_key(self.of["steps"].role, self._base.key)
        self._reads("watch", campaigns + versions)
        every = [tracker, *campaigns, *solutions, *versions]
        self._reads("setup", every)
        self._writes("setup", every)
        read_bucket(self.of["setup"].role, self._seed)
        allow(
            self.of["watch"].role,
            ["cloudwatch:PutMetricData"],
            ["*"],
            because="A metric has no ARN; the condition allows this namespace alone",
            only_if={"StringEquals": {"cloudwatch:namespace": "Pawsonalize"}},
        )
        if self._service is None:
            self._allow_personalize()

    def _allow_personalize(self) -> None:
        """Amazon Personalize itself: each function its own calls, on this environment's names."""
        names = self._base.names
        solutions = [self._personalize("solution", f"{names.env}-*")]
        recommender = self._personalize("campaign", names.campaign("recommender"))
        reranker = self._personalize("campaign", names.campaign("reranking"))
        self._calls("recommend", ["GetRecommendations"], [recommender])
        self._calls("rerank", ["GetPersonalizedRanking"], [reranker, recommender])
        self._calls("put_events", ["PutEvents"], [self._personalize("event-tracker", "*")])
        self._calls(
            "steps",
            [
                "CreateSolutionVersion",
                "DescribeSolutionVersion",
                "GetSolutionMetrics",
                "ListSolutionVersions",
                "StopSolutionVersionCreation",
            ],
            solutions,
        )
        self._calls("steps", ["DescribeCampaign", "UpdateCampaign"], [recommender, reranker])
        self._calls("watch", ["DescribeSolutionVersion"], solutions)
        self._calls("watch", ["DescribeCampaign"], [recommender, reranker])
        role = self.of["setup"].role
        own = [
            self._personalize(kind, f"{names.env}-*")
            for kind in ("dataset-group", "dataset", "schema", "solution", "campaign")
        ] + [self._personalize(kind, "*") for kind in ("event-tracker", "dataset-import-job")]
        allow(role, _OF_SETUP, own, because=_WHY_WILD)
        allow(role, _LISTS, ["*"], because="A list has no resource that a policy could name")
        allow(
            role,
            ["iam:PassRole"],
            [self.import_role.role_arn],
            only_if={"StringEquals": {"iam:PassedToService": "personalize.amazonaws.com"}},
        )

    def _personalize(self, kind: str, name: str) -> str:
        return str(
            Stack.of(self).format_arn(service="personalize", resource=kind, resource_name=name)
        )

    def _calls(self, name: str, operations: list[str], resources: list[str]) -> None:
        allow(
            self.of[name].role,
            [f"personalize:{one}" for one in operations],
            resources,
            because=_WHY_WILD,
        )

    def _reads(self, name: str, paths: list[str]) -> None:
        self._on_parameters(name, "ssm:GetParameter", paths)

    def _writes(self, name: str, paths: list[str]) -> None:
        self._on_parameters(name, "ssm:PutParameter", paths)

    def _on_parameters(self, name: str, action: str, paths: list[str]) -> None:
        allow(
            self.of[name].role,
            [action],
            [
                Stack.of(self).format_arn(
                    service="ssm", resource="parameter", resource_name=path.lstrip("/")
                )
                for path in dict.fromkeys(paths)
            ],
        )
