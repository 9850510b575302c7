"""What a deployment is: the knobs of `config/{env}.yml` or `.yaml`, typed and checked."""

import difflib
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import msgspec
import yaml
from msgspec import Meta, field

CONFIG = Path(__file__).parents[1] / "config"
"""The folder of the config files."""
Name = Annotated[str, Meta(pattern=r"^/[A-Za-z0-9_.\-/]+$", max_length=1000)]
Share = Annotated[float, Meta(ge=0, le=1)]
Positive = Annotated[int, Meta(ge=1)]
_VPC = r"^(vpc-[0-9a-f]{8,17})?$"
_REGION = ("CDK_DEPLOY_REGION", "AWS_REGION", "AWS_DEFAULT_REGION")
"""Where the reference's file leaves the region to the environment, as AWS's own tools do."""
_SUBNETS = Annotated[list[Annotated[str, Meta(pattern=r"^subnet-[0-9a-f]{8,17}$")]], Meta()]


def _path(name: str, end: str) -> Any:
    """The key of a parameter, which by default is this environment's own."""
    return field(name=name, default=f"/animal-recommender-{{env}}/{end}")


class DeploySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One deployment.

    The first block has the reference's names. `{env}` in a default is the environment, as two in
    one account must not share a parameter.
    """

    vpc_id: Annotated[str, Meta(pattern=_VPC)] = field(name="vpcId", default="")
    """An existing VPC to run in; empty: a new one, if the engine needs any."""
    key_arn_path: Name = _path("keyArnPath", "kms-key/arn")
    """The parameter with the ARN of the KMS key that encrypts everything."""
    s3_name_ssm_path: Name = _path("s3NameSsmPath", "s3/name")
    """The parameter with the name of the archive's bucket."""
    s3_seed_name_ssm_path: Name = _path("s3SeedNameSsmPath", "s3-seed-bucket/name")
    """The parameter with the name of the bucket of seed data."""
    kinesis_stream_name_ssm_path: Name = _path("kinesisStreamNameSsmPath", "kinesis-stream/name")
    """The parameter with the name of the stream of events."""
    event_tracker_id_ssm_path: Name = _path("eventTrackerIdSsmPath", "personalize/event-tracker/id")
    """The parameter with the event tracker's tracking id."""
    recommendation_campaign_arn_ssm_path: Name = _path(
        "recommendationCampaignArnSsmPath", "personalize/recommendation/campaign/id"
    )
    """The parameter with the ARN of the recommender's campaign."""
    recommendation_solution_version_ssm_path: Name = _path(
        "recommendationSolutionVersionSsmPath", "personalize/recommendation/solution/version/arn"
    )
    """The parameter with the ARN of the solution version that campaign serves."""
    get_recommendation_name_path: Name = _path(
        "getRecommendationNamePath", "personalize/recommendation/function-name"
    )
    """The parameter with the name of the function that recommends."""
    reranking_campaign_arn_ssm_path: Name = _path(
        "rerankingCampaignArnSsmPath", "personalize/reranking/campaign/id"
    )
    """The parameter with the ARN of the reranker's campaign."""
    reranking_solution_version_ssm_path: Name = _path(
        "rerankingSolutionVersionSsmPath", "personalize/reranking/solution/version/arn"
    )
    """The parameter with the ARN of the solution version that campaign serves."""
    get_reranking_name_path: Name = _path(
        "getRerankingNamePath", "personalize/reranking/function-name"
    )
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
    region: Annotated[str, Meta(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")] = "us-east-1"
    """The AWS region; without it `CDK_DEPLOY_REGION`, `AWS_REGION` or `AWS_DEFAULT_REGION` says."""
    logs_name_ssm_path: Name = _path("logsNameSsmPath", "logs/name")
    """The parameter with the name of the bucket of access logs."""
    solution_arn_ssm_path: Name = _path("solutionArnSsmPath", "solution/arn")
    """The parameter with the ARN of the recommender's solution."""
    reranking_solution_arn_ssm_path: Name = _path(
        "rerankingSolutionArnSsmPath", "reranking-solution/arn"
    )
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
    """The zones of `privateSubnetIds`, in the same order; empty: looked up in the VPC."""
    private_subnet_ids: _SUBNETS = field(name="privateSubnetIds", default_factory=list)
    """Private subnets of the VPC with a way out (NAT), in two zones or more; empty: looked up."""
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
    """A config file that cannot be meant; has a line for each thing: value, place, next move."""


def read_deploy_settings(
    env: str, folder: Path = CONFIG, changes: Sequence[str] = ()
) -> DeploySettings:
    """Read `{env}.yml` or `{env}.yaml`, and `changes` of it, each `key=value`.

    BadSettings says all that is wrong at once, each with its value, its place and the next move.
    """
    path = _find_file(env, folder)
    written = {**_read_file(path), **dict(_read_changes(changes))}
    region = next((os.environ[one] for one in _REGION if os.environ.get(one)), None)
    if region and "region" not in written:
        written["region"] = (region, "the environment")
    wrong: list[str] = []
    good: dict[str, Any] = {}
    for key, (value, place) in written.items():
        try:
            good[key] = _check(key, value)
        except ValueError as error:
            wrong.append(f"{place}: {error}")
    if "engine" not in written:
        wrong.append(
            f"{path}: engine is missing: add `engine: pawsonalize` or `engine: amazon-personalize`,"
            " or give --set engine=…"
        )
    if "engine" in good:
        settings = _of_environment(msgspec.convert(good, DeploySettings), env)
        wrong += [f"{path}: {one}" for one in _contradictions(settings)]
    if wrong:
        raise BadSettings("\n".join(wrong))
    return settings


def knobs() -> dict[str, msgspec.structs.FieldInfo]:
    """Every key of a config file."""
    return {one.encode_name: one for one in msgspec.structs.fields(DeploySettings)}


def _find_file(env: str, folder: Path) -> Path:
    if not re.fullmatch("[a-z][a-z0-9]{0,11}", env):
        raise BadSettings(
            f"{env!r} cannot be an environment: use up to 12 small letters and digits, as in dev"
        )
    named = [folder / f"{env}{end}" for end in (".yml", ".yaml")]
    found = [path for path in named if path.is_file()]
    if len(found) > 1:
        raise BadSettings(f"{found[0]} and {found[1]} are both there: keep one of them")
    if not found:
        there = sorted({one.stem for one in folder.glob("*.y*ml")})
        raise BadSettings(
            f"there is no {named[0]} and no {named[1].name}: make it, or use one of these:"
            f" {', '.join(there) or 'none'}"
        )
    return found[0]


def _read_file(path: Path) -> dict[str, tuple[Any, str]]:
    """Each key's value, and its place for people."""
    text = path.read_text(encoding="utf-8")
    try:
        values, node = yaml.safe_load(text), yaml.compose(text, yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise BadSettings(f"{path}{line}: this is not YAML: {error}") from None
    if not isinstance(node, yaml.MappingNode):
        raise BadSettings(f"{path}: write one `key: value` a line")
    lines: dict[str, int] = {}
    for key, _ in node.value:
        line = key.start_mark.line + 1
        if key.value in lines:
            raise BadSettings(
                f"{path}, line {line}: {key.value} is on line {lines[key.value]}, too: keep one"
            )
        lines[key.value] = line
    # A key such as `5` or `no` is no text to YAML.
    return {
        str(key): (value, f"{path}, line {line}")
        for (key, value), line in zip(values.items(), lines.values(), strict=True)
    }


def _read_changes(changes: Sequence[str]) -> Iterator[tuple[str, tuple[Any, str]]]:
    for change in changes:
        key, equals, text = change.partition("=")
        if not equals:
            raise BadSettings(f"--set {change}: write --set key=value")
        yield key, (yaml.safe_load(text) if text else "", f"--set {change}")


def _check(key: str, value: Any) -> Any:
    """The value as it is meant; ValueError says why it cannot be."""
    known = knobs()
    if key not in known:
        near = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
        move = f"write {near[0]}" if near else "take it out; docs/how-to/deploy-on-aws.md has all"
        raise ValueError(f"{key} is no key of a deployment: {move}")
    kind = known[key].type
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        choices = " or ".join(map(str, get_args(kind))) if _is_choice(kind) else ""
        move = f"write {choices}" if choices else "docs/how-to/deploy-on-aws.md says what it is for"
        raise ValueError(f"{key} is {value!r}: {error}: {move}") from None


def _is_choice(kind: Any) -> bool:
    return getattr(kind, "__origin__", None) is Literal


def _of_environment(settings: DeploySettings, env: str) -> DeploySettings:
    """With the name of the environment in the defaults."""
    named = {
        one.name: value.replace("{env}", env)
        for one in knobs().values()
        if isinstance(value := getattr(settings, one.name), str)
    }
    return msgspec.structs.replace(settings, **named)


def _contradictions(settings: DeploySettings) -> Iterator[str]:
    ours = settings.engine == "pawsonalize"
    subnets, zones = len(settings.private_subnet_ids), len(settings.availability_zones)
    secured = bool(settings.certificate_arn and settings.domain_name)
    for wrong, says in (
        (
            ours and not settings.image,
            "image is missing: name the service's container image, or give --set image=…",
        ),
        (
            ours and bool(settings.vpc_id) and bool(subnets or zones) and not 1 < subnets == zones,
            "privateSubnetIds and availabilityZones go together: name two or more of each, in the"
            " same order, or neither, and they are looked up",
        ),
        (
            settings.internet_facing and not secured,
            "internetFacing needs certificateArn and domainName: keys must not travel in the clear",
        ),
        (
            bool(settings.certificate_arn) != bool(settings.domain_name),
            "certificateArn and domainName go together: give both, or neither",
        ),
        (
            settings.internet_facing
            and bool(settings.vpc_id)
            and bool(zones)
            and len(settings.public_subnet_ids) != zones,
            "internetFacing with vpcId needs publicSubnetIds: one for each of availabilityZones",
        ),
        (
            settings.service_max_tasks < settings.service_min_tasks,
            "serviceMaxTasks is below serviceMinTasks: raise it",
        ),
    ):
        if wrong:
            yield says
