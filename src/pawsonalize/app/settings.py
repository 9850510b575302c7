"""Settings: typed, from config/{env}.yaml and the environment; nothing else reads either.

Every field is also an environment variable: `PAWSONALIZE_` and the field's name in upper case.
The environment wins over the file, the file over the defaults below. `core/config.py` reads both.
"""

import os
from collections.abc import Mapping
from functools import cache, partial
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_type_hints
from urllib.parse import unquote, urlsplit

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from pawsonalize.app.ports import SERVES_DEMO
from pawsonalize.core import clock
from pawsonalize.core.config import (
    PREFIX,
    Secret,
    Written,
    expected_value,
    fault_of,
    read_config,
    read_json,
    refuse,
)
from pawsonalize.core.database.data_folder import DATABASE_FILE
from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.plugin import parts
from pawsonalize.core.roles import ROLES
from pawsonalize.models.evaluation.gate_settings import GateSettings, Profile
from pawsonalize.operations.settings import RetentionSettings
from pawsonalize.recommend.animals.settings import AnimalSettings
from pawsonalize.train.retraining.schedule import CheckSettings, read_schedule

BACKGROUND_CONNECTIONS = 8
"""To PostgreSQL: what a process beside a server opens at most, such as a training."""


class FleetSettings(RetentionSettings, frozen=True):
    """Settings of a fleet: the places that machines share, and the roles of each."""

    artefact_url: str = ""
    """A bucket or folder for models, archive and files of jobs; empty: in the data folder."""
    artefact_cache_megabytes: Annotated[int, Meta(ge=1)] = 20_000
    """Megabytes of the models at `artefact_url` that this machine keeps in its data folder."""
    roles: str = "serve,work,consume"
    """Roles of this server: `serve` answers, `work` does background work, `consume` streams."""
    database_connections: Annotated[int, Meta(ge=4)] = 20
    """Number of connections to PostgreSQL that one process opens at most."""
    max_dataset_groups: Annotated[int, Meta(ge=1)] = 5
    """Number of dataset groups that there may be."""

    def __post_init__(self) -> None:
        """Refuse roles that do not exist."""
        RetentionSettings.__post_init__(self)
        for name in self.roles.split(","):
            if name.strip() not in ROLES:
                raise InvalidInput(
                    f"the setting roles is {self.roles!r}, and {name.strip()!r} is no role: write"
                    f" one or more of {', '.join(ROLES)}, commas between",
                    field="roles",
                )

    def has_role(self, role: str) -> bool:
        """True if this server has the role."""
        return role in self.own_roles

    @property
    def own_roles(self) -> tuple[str, ...]:
        """Roles of this server, in the order of `ROLES`."""
        given = {name.strip() for name in self.roles.split(",")}
        return tuple(role for role in ROLES if role in given)

    def shared_url(self, name: str) -> str:
        """Address of shared files at `artefact_url`; empty without one."""
        return f"{self.artefact_url.rstrip('/')}/{name}" if self.artefact_url else ""

    def bucket_url(self, name: str) -> str:
        """Address of shared files if they are in a bucket; else empty."""
        return self.shared_url(name) if _is_bucket(self.artefact_url) else ""

    def job_folders(self, kind: str, data_dir: Path, roots: str = "") -> tuple[Path, ...]:
        """The folder of `imports` or `exports` unless that is in a bucket, and the listed roots."""
        listed = [Path(name.strip()) for name in roots.split(",") if name.strip()]
        url = self.shared_url(kind)
        if not url:
            listed.insert(0, data_dir / kind)
        elif not _is_bucket(url):
            listed.insert(0, Path(unquote(urlsplit(url).path) if "://" in url else url))
        return tuple(folder.absolute() for folder in listed)


def _is_bucket(url: str) -> bool:
    scheme, separator, _ = url.partition("://")
    return bool(separator) and scheme != "file"


_OF_ANIMALS = ("max_per_group_share", "newcomer_days", "long_stay_days", "newcomer_floor")
_JSON = frozenset({"event_types"})  # what is JSON as an environment variable
_GATE, _CHECKS, _ANIMALS = GateSettings(), CheckSettings(), AnimalSettings()
Share = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[int, Meta(ge=0)]
_FIRST_KEYS = r"^(PAWS[A-Z2-7]{16}=[a-z+-]+(,PAWS[A-Z2-7]{16}=[a-z+-]+)*)?$"
Part = TypeVar("Part", bound=msgspec.Struct)
Rate = Annotated[str, Meta(pattern="^(|[1-9][0-9]*/(second|minute|hour|day))$")]


class Settings(FleetSettings, frozen=True, forbid_unknown_fields=True):
    """Settings of this service."""

    data_dir: Path = Path("pawsonalize-data")
    """Everything lives under this folder, unless a URL below points elsewhere."""
    data_access: Literal["owner", "group"] = "owner"
    """Access to the files of the data folder: its owner alone, or its group too."""
    database_url: str = ""
    """`sqlite:///path` or `postgresql://…`; empty: a SQLite file in the data folder."""
    archive_url: str = ""
    """A folder or an object store URL for the raw archive; empty: beside the models."""
    host: str = "127.0.0.1"
    """The address to listen on."""
    port: Annotated[int, Meta(ge=0, le=65535)] = 8080
    """The port to listen on; 0 takes a free one."""
    workers: Annotated[int, Meta(ge=1, le=64)] = 1
    """Server processes."""
    tls_certificate: str = ""
    """A PEM file with the certificate and its chain, to serve HTTPS; read anew when it changes."""
    tls_key: str = ""
    """The PEM file of its key, without a passphrase."""
    trainings_at_once: Annotated[int, Meta(ge=1)] = 1
    """Number of trainings at the same time beside those of a retraining; others wait."""
    archive_seconds: Annotated[float, Meta(gt=0)] = 60.0
    """Seconds between moves of new events to the archive."""
    max_body_bytes: Annotated[int, Meta(ge=1024)] = 5 * 1024 * 1024
    """Larger request bodies are refused."""
    log_format: Literal["console", "json"] = "console"
    """Log lines for people or for machines."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least severe level that is logged."""
    aws_region: Annotated[str, Meta(pattern="^[a-z0-9-]+$")] = "us-east-1"
    """The region in the ARNs of the Personalize API under `/aws`."""
    aws_account_id: Annotated[str, Meta(pattern="^[0-9]{12}$")] = "000000000000"
    """The account in them."""
    access_keys: Literal["auto", "required", "open"] = "auto"
    """Callers: `required`, who has a key; `open`, anybody; `auto`: `host` decides."""
    allowed_hosts: str = ""
    """Names by which browsers reach the service, commas between; an address needs none."""
    browser_rate: Rate = "600/minute"
    """Rate at which a browser's key may be used from one address; empty: no limit."""
    key_rate: Rate = ""
    """Rate at which any other key may be used that has none of its own; empty: no limit."""
    audit_days: Annotated[int, Meta(ge=1)] = 365
    """For so many days it is kept who changed what."""
    aws_signatures: Literal["auto", "required", "off"] = "auto"
    """Signed requests to `/aws`: `required`, `off`, or `auto`: where keys are required."""
    aws_strict: bool = True
    """Refuse at `/aws` what AWS refuses, [by these rules](personalize-coverage.md#strict)."""
    aws_lists_defaults: bool = False
    """List at `/aws`, beside what callers made, what every installation has: `pawsonalize`, …"""
    access_key_root: Secret = Secret("")
    """The root key of access keys, 64 hexadecimal digits; empty: a file in the data folder."""
    first_access_keys: Annotated[str, Meta(pattern=_FIRST_KEYS)] = ""
    """Keys that `serve` makes if they are missing, `PAWS…=operator`, scopes joined by `+`."""
    site: bool = False
    """Serve an adoption site with your animals at `/`."""
    site_name: str = "Our animals"
    """Name of that site, at the top of its pages."""
    clock_file: str = ""
    """A file that holds one moment, `2026-03-01T09:00:00Z`, in which the service lives, for tests
    and benchmarks ([how](../how-to/play-past-days.md)); empty: the machine's clock."""
    public_url: Annotated[str, Meta(pattern="^(|https?://.+)$")] = ""
    """Address by which people reach this service, such as `https://pets.example.org`: messages to
    the shelter have links to the console there; empty: no links."""
    language: str = "en"
    """Language of messages to the shelter, and to visitors whose own is not known: `en`, also as
    `en-US` or `en-GB`, `de` or `es`."""
    event_types: dict[str, str] = {}  # noqa: RUF012 - msgspec gives each a copy
    """The meaning of your event types, `DetailView: view`; in an environment variable, as JSON."""
    recipe: str = "user-personalization"
    """The recipe `train` uses when none is named."""
    promotion_threshold: Share = _GATE.promotion_threshold
    """A new solution version goes live only with an NDCG@5 above this."""
    gate_profile: Literal["full", "reference"] = "full"
    """`full`: every rule below; `reference`: the promotion threshold alone."""
    gate_min_test_cases: Count = _GATE.min_test_cases
    """With fewer held-out test cases the evidence is insufficient, and the live version stays."""
    gate_beat_popularity: bool = _GATE.beat_popularity
    """A new version must be better than each simple baseline: popularity and own history."""
    gate_beat_live: bool = _GATE.beat_live
    """It must be better than the live version, or a refresh of it."""
    gate_min_lead: Share = _GATE.min_lead
    """Better means a lead beyond chance, and of at least this share of the live NDCG@5."""
    gate_refresh_days: Annotated[float, Meta(ge=0)] = _GATE.refresh_days
    """If the live version's data are older, a version that is about as good may replace it."""
    gate_refresh_margin: Share = _GATE.refresh_margin
    """About as good means that NDCG@5 is lower by at most this share."""
    gate_min_coverage: Share = _GATE.min_coverage
    """At least this share of what the test cases' lists could hold is in one; 0: no rule."""
    gate_max_top_item_share: Share = _GATE.max_top_item_share
    """No item may be among the first five of a greater share of the test cases; 1: no rule."""
    gate_slice_margin: Share = _GATE.slice_margin
    """No species, nor new visitors or groups, may lose more than this share of NDCG@5."""
    gate_min_slice_test_cases: Count = _GATE.min_slice_test_cases
    """Slices with fewer test cases are not judged; 0 judges none."""
    gate_calibration_days: Annotated[float, Meta(ge=0)] = _GATE.calibration_days
    """For so many days a live version stays that was right where a new one is off; 0: no rule."""
    gate_max_constant_share: Share = _GATE.max_constant_share
    """At most this share of the test cases may get one score for all items."""
    check_min_events: Count = _CHECKS.min_events
    """With fewer events a retraining ends before it trains."""
    check_min_users: Count = _CHECKS.min_users
    """With fewer visitors a retraining ends before it trains."""
    check_max_user_share: Share = _CHECKS.max_user_share
    """Warn of a visitor with a greater share of the events; above 0.9 nothing is trained."""
    check_max_item_share: Share = _CHECKS.max_item_share
    """Warn of an item with a greater share of the events; above 0.9 nothing is trained."""
    check_bot_events: Annotated[int, Meta(ge=1)] = _CHECKS.bot_events
    """A visitor with so many events may be a bot…"""
    check_bot_seconds: Annotated[float, Meta(ge=0)] = _CHECKS.bot_seconds
    """…and counts as one if half of the steps from item to item took less than this."""
    exploration_weight: Annotated[float, Meta(ge=0, le=1)] = 0.1
    """The share of the places of recommendations that explore new and under-exposed items."""
    exploration_item_age_cut_off: Annotated[int, Meta(ge=0)] = 65500
    """Items created longer ago than this many days before the training are not explored."""
    max_per_group_share: Annotated[float, Meta(gt=0, le=1)] = _ANIMALS.max_per_group_share
    """One group gets at most this share of an answer of animals, or twice its share of the animals
    that may be shown, if that is more; still more only if no other animal is left."""
    newcomer_days: Count = _ANIMALS.newcomer_days
    """For so many days an animal is a newcomer, and gets explored places."""
    long_stay_days: Count = _ANIMALS.long_stay_days
    """After so many days an animal is a long-stayer, and gets explored places again."""
    newcomer_floor: Share = _ANIMALS.newcomer_floor
    """This share of the explored places is spread evenly over all newcomers and long-stayers."""
    postcode_table: str = ""
    """Where postcodes lie: a table of GeoNames, zipped or not, or a CSV file with the columns
    postcode, latitude and longitude; empty: none."""
    postcode_countries: str = ""
    """Countries whose rows of a table of GeoNames are read, such as `DE,AT`; empty: all."""
    min_provisioned_tps: Annotated[int, Meta(ge=1)] = 1
    """Warn when a new version scores fewer recommendation requests a second."""
    reranking_enabled: bool = True
    """Serve re-rankings from a campaign of their own; if not, the recommender's model ranks."""
    rerank_min_provisioned_tps: Annotated[int, Meta(ge=1)] = 1
    """The same warning for the reranker."""
    import_roots: str = ""
    """Folders below which import jobs may read, commas between, beside `imports`."""
    export_roots: str = ""
    """Folders below which jobs may write, commas between, beside `exports`."""
    s3_root: str = ""
    """A folder whose folders stand for buckets: jobs read and write `s3://` there, not in S3."""
    attribution_seconds: Annotated[float, Meta(gt=0)] = 3600.0
    """Seconds between reports of metric attributions."""
    max_loaded_campaigns: Annotated[int, Meta(ge=1)] = 16
    """Number of campaigns besides the two default ones that a worker keeps: the last used."""
    refresh_seconds: Annotated[float, Meta(ge=0)] = 60.0
    """Seconds until served models follow new events and items; 0: only with trainings."""
    retrain_schedule: str = "0 3 * * *"
    """When to retrain: cron's five fields, or `rate(12 hours)`; empty: when asked to."""
    retrain_time_zone: str = "UTC"
    """The time zone of cron's fields, such as `Europe/Berlin`."""
    retrain_here: bool = True
    """This server begins retrainings and works on them; if not, others must."""
    retrain_limit_hours: Annotated[float, Meta(gt=0)] = 24.0
    """A retraining that was worked on for longer has timed out."""
    retrain_check_seconds: Annotated[float, Meta(gt=0)] = 2.0
    """Seconds between a retraining's looks whether its trainings are ready."""
    campaign_sync_gated: bool = False
    """Campaigns with syncWithLatestSolutionVersion serve a version only if the gate promotes it."""
    campaign_check_seconds: Annotated[float, Meta(gt=0)] = 1.0
    """Seconds between a retraining's looks whether its campaigns serve the new version."""
    campaign_checks: Annotated[int, Meta(ge=1)] = 1800
    """After so many looks, a campaign that does not serve it has failed."""
    problem_notice_seconds: Annotated[float, Meta(ge=0)] = 600.0
    """Notify of a problem that lasts longer than this, and again when it is over."""
    parts: dict[str, msgspec.Struct] = {}  # noqa: RUF012 - msgspec gives each a copy
    """The settings of the plugins, by the name of their class; see `part`. No setting itself."""

    def __post_init__(self) -> None:
        """Refuse a wrong retraining schedule and wrong roles, before anything is begun."""
        read_schedule(self.retrain_schedule, self.retrain_time_zone)
        FleetSettings.__post_init__(self)

    @classmethod
    def of(cls, **values: object) -> "Settings":
        """Return settings with these values, those of plugins too, and defaults for all others."""
        return _converted(values, strict=True)

    def part(self, kind: type[Part]) -> Part:
        """Return the settings of a plugin, by their class."""
        found = self.parts.get(kind.__name__)
        return found if isinstance(found, kind) else kind()

    def changed(self, **values: object) -> "Settings":
        """Return the same settings but for these values, those of plugins too."""
        return _converted(
            {name: self.value(name) for name in kinds_of_settings()} | values, strict=True
        )

    def value(self, name: str) -> Any:
        """Return the value of the setting of that name, a plugin's too."""
        kind = kinds_of_settings()[name]
        return getattr(self if kind is Settings else self.part(kind), name)

    @property
    def database(self) -> str:
        """The database's URL."""
        return self.database_url or f"sqlite:///{self.data_dir.absolute()}/{DATABASE_FILE}"

    @property
    def archive(self) -> str:
        """The archive's URL."""
        local = str(self.data_dir.absolute() / "archive")
        return self.archive_url or self.shared_url("archive") or local

    @property
    def is_local(self) -> bool:
        """True if only this machine can reach the address."""
        return is_loopback(self.host)

    @property
    def requires_keys(self) -> bool:
        """True if nobody may call without a key."""
        if self.access_keys == "auto":
            return not self.is_local
        return self.access_keys == "required"

    @property
    def is_demo(self) -> bool:
        """True if the adoption site is a made-up shelter's."""
        return bool(SERVES_DEMO(self))

    @property
    def serves_site(self) -> bool:
        """True if there is an adoption site: of the shelter's own animals, or the demo."""
        return self.site or self.is_demo

    @property
    def requires_signatures(self) -> bool:
        """True if requests to `/aws` must be signed."""
        if self.aws_signatures == "auto":
            return self.requires_keys
        return self.aws_signatures == "required"

    @property
    def host_names(self) -> frozenset[str]:
        """The names by which browsers reach the service."""
        return frozenset(name.strip().lower() for name in self.allowed_hosts.split(",")) - {""}

    @property
    def gate(self) -> GateSettings:
        """Settings of the gate: its conditions for a new solution version."""
        values = {**self._prefixed("gate_"), "profile": Profile(self.gate_profile)}
        return GateSettings(promotion_threshold=self.promotion_threshold, **values)

    @property
    def checks(self) -> CheckSettings:
        """Limits at which the checks of the data, before a training, warn or refuse."""
        return CheckSettings(**self._prefixed("check_"))

    @property
    def animals(self) -> AnimalSettings:
        """Settings for recommending animals rather than groups; weights keep their defaults."""
        return AnimalSettings(**{name: getattr(self, name) for name in _OF_ANIMALS})

    def _prefixed(self, prefix: str) -> dict[str, Any]:
        names = (name for name in self.__struct_fields__ if name.startswith(prefix))
        return {name.removeprefix(prefix): getattr(self, name) for name in names}

    @property
    def models_dir(self) -> Path:
        """The folder of model artefacts."""
        return self.data_dir / "models"

    @property
    def model_cache_dir(self) -> Path:
        """The folder of the models at `artefact_url` that this machine has."""
        return self.data_dir / "cache"

    @property
    def import_folders(self) -> tuple[Path, ...]:
        """The folders below which jobs may read."""
        return self.job_folders("imports", self.data_dir, self.import_roots)

    @property
    def export_folders(self) -> tuple[Path, ...]:
        """The folders below which jobs may write."""
        return self.job_folders("exports", self.data_dir, self.export_roots)

    @property
    def s3_folder(self) -> Path | None:
        """The folder whose folders stand for buckets."""
        return Path(self.s3_root).absolute() if self.s3_root else None

    @property
    def leases_dir(self) -> Path:
        """The folder where processes of this machine hold the locks of their leases."""
        return self.data_dir / "leases"


def is_loopback(host: str) -> bool:
    """True if only this machine can reach the host."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


@cache
def kinds_of_settings() -> dict[str, type[msgspec.Struct]]:
    """Return the class of each setting by the setting's name: `Settings`, or a plugin's part."""
    own: dict[str, type[msgspec.Struct]] = dict.fromkeys(Settings.__struct_fields__, Settings)
    del own["parts"]
    return own | {name: kind for _, kind in parts("settings") for name in kind.__struct_fields__}


def load_settings(overrides: Mapping[str, object] | None = None) -> Settings:
    """Return the settings of file and environment, without their sources; see `read_settings`."""
    return read_settings(overrides)[0]


def read_settings(
    overrides: Mapping[str, object] | None = None,
    file: Path | None = None,
    faults: list[str] | None = None,
) -> tuple[Settings, Written]:
    """Read the config file, then the environment: the settings, and their sources.

    `overrides`, such as command-line options, win unless None. InvalidInput names each setting that
    is wrong and the source of its value; with `faults`, that is added there, and such a setting has
    its default. From now on the clock of this process is the one they name.
    """
    written = read_config(kinds_of_settings(), os.environ, file)
    given = {name: value for name, value in (overrides or {}).items() if value is not None}
    values = {**written.values, **given}
    sources = {**written.sources, **dict.fromkeys(given, "the command line")}
    wrong, name, settings = list(written.faults), "", None
    while settings is None:
        try:
            read = {name: read_json(name, values[name]) for name in _JSON & values.keys()}
            settings = _converted(values | read, strict=False)
        except (msgspec.ValidationError, InvalidInput) as error:
            name, fault = _wrong(error, values, sources)
            wrong.append(fault)
            if name not in values:  # without it there may be more
                refuse(wrong)
            del values[name]
    if faults is None:
        refuse(wrong, name or None)
    else:
        faults += wrong
    clock.use_file(settings.clock_file)
    return settings, replace(written, sources=sources)


def _converted(values: Mapping[str, object], *, strict: bool) -> Settings:
    kinds = kinds_of_settings()
    by_kind: dict[type[msgspec.Struct], dict[str, object]] = {kind: {} for kind in kinds.values()}
    for name, value in values.items():
        by_kind[kinds.get(name, Settings)][name] = value
    read = partial(msgspec.convert, strict=strict, dec_hook=_read)
    main: Settings = read(by_kind.pop(Settings), Settings)
    found = [read(mine, kind) for kind, mine in by_kind.items()]
    settings = msgspec.structs.replace(main, parts={type(one).__name__: one for one in found})
    for part in found:
        if (check := getattr(part, "check", None)) is not None:
            check(settings)
    return settings


def _wrong(
    error: Exception, values: Mapping[str, object], sources: Mapping[str, str]
) -> tuple[str, str]:
    """Return the name of the setting that an error is about, and what is wrong with it."""
    if isinstance(error, InvalidInput):
        return error.field or "", fault_of(error, sources)
    complaint, _, place = str(error).partition(" - at `$.")
    name = place.rstrip("`")
    if name not in sources:
        return name, f"a setting is wrong: {error}"
    is_secret = isinstance(Settings().value(name), Secret)
    value = "" if is_secret else f" {values[name]!r}"
    better = expected_value(get_type_hints(kinds_of_settings()[name])[name], complaint)
    return name, f"the setting {name}{value} (from {sources[name]}) is wrong: {better}"


def as_environment(settings: Settings) -> dict[str, str]:
    """The settings as environment variables, for other processes to load."""
    values = {name: settings.value(name) for name in kinds_of_settings()}
    values |= {name: msgspec.json.encode(values[name]).decode() for name in _JSON}
    return {PREFIX + name.upper(): str(value) for name, value in values.items()}


def _read(kind: type, value: object) -> Any:
    if not isinstance(value, str | kind):
        raise TypeError(f"Expected `str`, got `{type(value).__name__}`")
    return kind(value)
