"""Settings: typed, from config/{env}.yaml and the environment; nothing else reads either.

Every field is also an environment variable: `PAWSONALIZE_` and the field's name in upper case.
The environment wins over the file, the file over the defaults below.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import yaml
from msgspec import Meta

from pawsonalize.domain.errors import InvalidInput

_PREFIX = "PAWSONALIZE_"


class Secret(str):
    """Text that does not show itself when settings are printed."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'…'" if self else "''"


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How this service runs."""

    data_dir: Path = Path("pawsonalize-data")
    """Everything lives under this folder, unless a URL below points elsewhere."""
    database_url: str = ""
    """`sqlite:///path` or `postgresql://…`; empty: a SQLite file in the data folder."""
    archive_url: str = ""
    """A folder or an object store URL for the raw archive; empty: in the data folder."""
    host: str = "127.0.0.1"
    """The address to listen on."""
    port: Annotated[int, Meta(ge=0, le=65535)] = 8080
    """The port to listen on; 0 takes a free one."""
    workers: Annotated[int, Meta(ge=1, le=64)] = 1
    """Server processes."""
    archive_seconds: Annotated[float, Meta(gt=0)] = 60.0
    """How often new events are moved to the archive."""
    max_body_bytes: Annotated[int, Meta(ge=1024)] = 5 * 1024 * 1024
    """Larger request bodies are refused."""
    log_format: Literal["console", "json"] = "console"
    """Log lines for people or for machines."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least severe level that is logged."""
    demo_site: bool = False
    """Serve the demo adoption site at `/`, where anybody may act as any visitor."""
    recipe: str = "user-personalization"
    """The recipe `train` uses when none is named."""
    exploration_weight: Annotated[float, Meta(ge=0, le=1)] = 0.1
    """The share of the places of recommendations that explore new and under-exposed items."""
    exploration_item_age_cut_off: Annotated[int, Meta(ge=0)] = 65500
    """Items created longer ago than this many days before the training are not explored."""

    notify_email_to: str = ""
    """Whom to tell by e-mail; several addresses with commas between."""
    notify_email_from: str = ""
    """The sender's address."""
    notify_smtp_url: Secret = Secret("")
    """`smtps://user:password@host`, `smtp+starttls://…` or, on this machine, `smtp://localhost`."""
    notify_webhook_url: Secret = Secret("")
    """Where to post notifications as signed JSON."""
    notify_webhook_secret: Secret = Secret("")
    """What signs them: base64 of at least 24 random bytes."""
    notify_sns_topic: str = ""
    """The Amazon SNS topic to publish them to, `arn:aws:sns:…`; needs the extra `aws`."""

    @property
    def database(self) -> str:
        """The database's URL."""
        return self.database_url or f"sqlite:///{self.data_dir.absolute()}/pawsonalize.sqlite3"

    @property
    def archive(self) -> str:
        """The archive's URL."""
        return self.archive_url or str(self.data_dir.absolute() / "archive")

    @property
    def models_dir(self) -> Path:
        """The folder of model artefacts."""
        return self.data_dir / "models"


def load_settings(overrides: Mapping[str, Any] | None = None) -> Settings:
    """Read config/{env}.yaml (env from PAWSONALIZE_ENV, default dev), then the environment.

    `overrides` (such as command-line options) win over both; None values among them are left
    out. Raises InvalidInput that names the wrong key.
    """
    values: dict[str, Any] = {}
    values |= _file(Path("config") / f"{os.environ.get(_PREFIX + 'ENV', 'dev')}.yaml")
    for name in Settings.__struct_fields__:
        variable = _PREFIX + name.upper()
        if variable in os.environ:
            values[name] = os.environ[variable]
    values |= {name: value for name, value in (overrides or {}).items() if value is not None}
    try:
        return msgspec.convert(values, Settings, strict=False, dec_hook=_read)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"a setting is wrong: {error}") from error


def as_environment(settings: Settings) -> dict[str, str]:
    """The settings as environment variables, for other processes to load."""
    return {
        _PREFIX + name.upper(): str(getattr(settings, name)) for name in Settings.__struct_fields__
    }


def _file(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InvalidInput(f"{path} cannot be read: {error}") from error
    if not isinstance(content, dict | None):
        raise InvalidInput(f"{path} must hold `name: value` lines")
    return content or {}


def _read(kind: type, value: Any) -> Any:
    """Read the types that msgspec does not know, which are made from text."""
    return kind(value)
