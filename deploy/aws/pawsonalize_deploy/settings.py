"""What a deployment is: the knobs of `config/{env}.yml`, typed and checked."""

import difflib
import re
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import yaml
from msgspec import Meta, field

CONFIG = Path(__file__).parents[1] / "config"
"""The folder of the config files."""
Name = Annotated[str, Meta(pattern=r"^/[A-Za-z0-9_.\-/]+$", max_length=1000)]
Share = Annotated[float, Meta(ge=0, le=1)]
Positive = Annotated[int, Meta(ge=1)]
_VPC = r"^(vpc-[0-9a-f]{8,17})?$"
_SUBNETS = Annotated[list[Annotated[str, Meta(pattern=r"^subnet-[0-9a-f]{8,17}$")]], Meta()]


class DeploySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One deployment.

    The first block has the reference's names; what has no default must be in the file.
    """

    vpc_id: Annotated[str, Meta(pattern=_VPC)] = field(name="vpcId", default="")
    """An existing VPC to run in; empty: a new one, if the engine needs any."""
    key_arn_path: Name = field(name="keyArnPath")
    """The parameter with the ARN of the KMS key that encrypts everything."""
    s3_name_ssm_path: Name = field(name="s3NameSsmPath")
    """The parameter with the name of the archive's bucket."""
    s3_seed_name_ssm_path: Name = field(name="s3SeedNameSsmPath")
    """The parameter with the name of the bucket of seed data."""
    kinesis_stream_name_ssm_path: Name = field(name="kinesisStreamNameSsmPath")
    """The parameter with the name of the stream of events."""
    event_tracker_id_ssm_path: Name = field(name="eventTrackerIdSsmPath")
    """The parameter with the event tracker's tracking id."""
    recommendation_campaign_arn_ssm_path: Name = field(name="recommendationCampaignArnSsmPath")
    """The parameter with the ARN of the recommender's campaign."""
    recommendation_solution_version_ssm_path: Name = field(
        name="recommendationSolutionVersionSsmPath"
    )
    """The parameter with the ARN of the solution version that campaign serves."""
    get_recommendation_name_path: Name = field(name="getRecommendationNamePath")
    """The parameter with the name of the function that recommends."""
    reranking_campaign_arn_ssm_path: Name = field(name="rerankingCampaignArnSsmPath")
    """The parameter with the ARN of the reranker's campaign."""
    reranking_solution_version_ssm_path: Name = field(name="rerankingSolutionVersionSsmPath")
    """The parameter with the ARN of the solution version that campaign serves."""
    get_reranking_name_path: Name = field(name="getRerankingNamePath")
    """The parameter with the name of the function that re-ranks."""
    min_provisioned_tps: Positive = field(name="minProvisionedTPS", default=1)
    """How many requests a second the recommender's campaign is always ready for."""
    exploration_weight: Share = field(name="explorationWeight", default=0.1)
    """The share of recommendations that explore new items."""
    exploration_item_age_cut_off: Positive = field(name="explorationItemAgeCutOff", default=65500)
    """Items created longer ago than this many days are not explored."""
    promotion_threshold: Share = field(name="promotionThreshold", default=0.01)
    """A new solution version goes live only with an NDCG@5 above this."""
    reranking_enabled: bool = field(name="rerankingEnabled", default=True)
    """Whether there is a reranker with a campaign of its own."""
    rerank_min_provisioned_tps: Positive = field(name="reRankMinProvisionedTPS", default=1)
    """How many requests a second the reranker's campaign is always ready for."""

    engine: Literal["pawsonalize", "amazon-personalize"]
    """Who learns and answers: our service on Fargate, or Amazon Personalize."""
    region: Annotated[str, Meta(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")]
    """The AWS region."""
    logs_name_ssm_path: Name = field(name="logsNameSsmPath")
    """The parameter with the name of the bucket of access logs."""
    solution_arn_ssm_path: Name = field(name="solutionArnSsmPath")
    """The parameter with the ARN of the recommender's solution."""
    reranking_solution_arn_ssm_path: Name = field(name="rerankingSolutionArnSsmPath")
    """The parameter with the ARN of the reranker's solution."""
    alarm_email: Annotated[str, Meta(pattern=r"^(\S+@\S+)?$")] = field(
        name="alarmEmail", default=""
    )
    """Who gets alarms and notifications by e-mail; empty: subscribe to the topic yourself."""
    retraining_schedule: Annotated[str, Meta(pattern=r"^(rate|cron)\(.+\)$")] = field(
        name="retrainingSchedule", default="rate(1 day)"
    )
    """When the state machine starts, as EventBridge writes it."""
    no_promotion_days: Positive = field(name="noPromotionDays", default=7)
    """An alarm if no new solution version went live for so many days."""
    model_age_days: Positive = field(name="modelAgeDays", default=14)
    """An alarm if the solution version that serves was trained more than so many days ago."""
    log_retention_days: Literal[1, 3, 5, 7, 14, 30, 60, 90, 120, 180, 365, 731] = field(
        name="logRetentionDays", default=30
    )
    """How long logs are kept."""
    archive_retention_days: Annotated[int, Meta(ge=0)] = field(
        name="archiveRetentionDays", default=0
    )
    """Objects of the archive go after so many days; 0: never."""

    image: str = ""
    """The service's container image, with a tag or digest; needed by `engine: pawsonalize`."""
    availability_zones: list[str] = field(name="availabilityZones", default_factory=list)
    """The zones of `privateSubnetIds`, in the same order; needed with `vpcId`."""
    private_subnet_ids: _SUBNETS = field(name="privateSubnetIds", default_factory=list)
    """Private subnets of the VPC with a way out (NAT), in two zones or more."""
    public_subnet_ids: _SUBNETS = field(name="publicSubnetIds", default_factory=list)
    """Public subnets of the VPC, for a load balancer that the internet reaches."""
    certificate_arn: Annotated[str, Meta(pattern=r"^(arn:[a-z-]+:acm:.+)?$")] = field(
        name="certificateArn", default=""
    )
    """The ACM certificate for `domainName`; empty: HTTP inside the VPC alone."""
    domain_name: str = field(name="domainName", default="")
    """The name that leads to the load balancer; you make its DNS entry."""
    internet_facing: bool = field(name="internetFacing", default=False)
    """Whether the internet reaches the load balancer; needs a certificate."""
    service_cpu: Literal[256, 512, 1024, 2048, 4096] = field(name="serviceCpu", default=512)
    """CPU units of a task that answers; 1024 are one core."""
    service_memory: Annotated[int, Meta(ge=512)] = field(name="serviceMemory", default=2048)
    """Its memory, in MiB."""
    service_min_tasks: Positive = field(name="serviceMinTasks", default=1)
    """How many tasks answer at least."""
    service_max_tasks: Positive = field(name="serviceMaxTasks", default=4)
    """How many tasks answer at most; more come when they are busy."""
    worker_cpu: Literal[256, 512, 1024, 2048, 4096] = field(name="workerCpu", default=1024)
    """CPU units of the task that trains."""
    worker_memory: Annotated[int, Meta(ge=512)] = field(name="workerMemory", default=4096)
    """Its memory, in MiB."""
    database_class: Annotated[str, Meta(pattern=r"^[a-z0-9]+\.[a-z0-9]+$")] = field(
        name="databaseClass", default="t4g.small"
    )
    """The instance class of PostgreSQL, without `db.`."""
    database_gigabytes: Annotated[int, Meta(ge=20)] = field(name="databaseGigabytes", default=20)
    """Its disk at first; it grows up to five times that."""
    database_multi_az: bool = field(name="databaseMultiAz", default=False)
    """Whether a second zone has a standby of it."""
    database_backup_days: Annotated[int, Meta(ge=1, le=35)] = field(
        name="databaseBackupDays", default=7
    )
    """How long its backups are kept."""
    deletion_protection: bool = field(name="deletionProtection", default=False)
    """Whether the database cannot be deleted until this is false and `up` ran again."""


class BadSettings(Exception):
    """A config file that cannot be meant; says the file, the key and the next move."""


def read_deploy_settings(env: str, folder: Path = CONFIG) -> DeploySettings:
    """Read `{env}.yml`; BadSettings says what is wrong, where, and what to do."""
    path = folder / f"{env}.yml"
    if not re.fullmatch("[a-z][a-z0-9]{0,11}", env):
        raise BadSettings(
            f"{env!r} cannot be an environment: use up to 12 small letters and digits, as in dev"
        )
    if not path.is_file():
        there = ", ".join(sorted(one.stem for one in folder.glob("*.yml"))) or "none"
        raise BadSettings(f"there is no {path}: make it, or use one of these: {there}")
    try:
        written = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        place = getattr(error, "problem_mark", None)
        line = f", line {place.line + 1}" if place else ""
        raise BadSettings(f"{path}{line}: this is not YAML: {error}") from None
    if not isinstance(written, dict):
        raise BadSettings(f"{path}: write one `key: value` a line")
    _refuse_unknown(written, path)
    try:
        settings = msgspec.convert(written, DeploySettings)
    except msgspec.ValidationError as error:
        raise BadSettings(f"{path}: {_readable(str(error))}") from None
    _refuse_contradictions(settings, path)
    return settings


def knobs() -> dict[str, msgspec.structs.FieldInfo]:
    """Every key of a config file."""
    return {one.encode_name: one for one in msgspec.structs.fields(DeploySettings)}


def _refuse_unknown(written: dict[Any, Any], path: Path) -> None:
    known = knobs()
    for key in written:
        if key in known:
            continue
        near = difflib.get_close_matches(str(key), known, n=1, cutoff=0.6)
        move = f"write {near[0]}" if near else "take it out; docs/how-to/deploy-on-aws.md has all"
        raise BadSettings(f"{path}: {key} is no key of a deployment: {move}")
    for key, one in known.items():
        if one.required and key not in written:
            raise BadSettings(f"{path}: {key} is missing: add it, as config/dev.yml has it")


def _readable(message: str) -> str:
    """Msgspec's message with the key at its front: `$.engine` is for programs."""
    found = re.fullmatch(r"(.*) - at `\$\.?(.*)`", message)
    return f"{found[2]}: {found[1]}" if found else message


def _refuse_contradictions(settings: DeploySettings, path: Path) -> None:
    ours = settings.engine == "pawsonalize"
    subnets = len(settings.private_subnet_ids)
    for wrong, says in (
        (ours and not settings.image, "image is missing: name the service's container image"),
        (
            ours
            and bool(settings.vpc_id)
            and (subnets < 2 or subnets != len(settings.availability_zones)),
            "vpcId needs privateSubnetIds and availabilityZones: name two or more of each, in the"
            " same order",
        ),
        (
            settings.internet_facing and not (settings.certificate_arn and settings.domain_name),
            "internetFacing needs certificateArn and domainName: keys must not travel in the clear",
        ),
        (
            bool(settings.certificate_arn) != bool(settings.domain_name),
            "certificateArn and domainName go together: give both, or neither",
        ),
        (
            settings.internet_facing
            and bool(settings.vpc_id)
            and len(settings.public_subnet_ids) != len(settings.availability_zones),
            "internetFacing with vpcId needs publicSubnetIds: one for each of availabilityZones",
        ),
        (
            settings.service_max_tasks < settings.service_min_tasks,
            "serviceMaxTasks is below serviceMinTasks: raise it",
        ),
    ):
        if wrong:
            raise BadSettings(f"{path}: {says}")
