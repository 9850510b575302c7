"""The part of the Helm chart's schema of values that is made from the code: our settings.

So a misspelt setting, or a value that cannot be, is refused before anything is installed.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from pawsonalize.app.settings import kinds_of_settings
from pawsonalize.core.config import PREFIX, Secret
from pawsonalize.core.http.operation import field_docs

CHART_SCHEMA = Path(__file__).parents[1] / "deploy/helm/pawsonalize/values.schema.json"
_OF_THE_CHART = frozenset({"data_dir", "data_access", "host", "port", "roles"})
"""What the chart itself or the image says."""
_MAY_HOLD_PASSWORDS = frozenset({"database_url", "stream_url"})
"""They go where secrets go, as all settings that are secret."""


def chart_schema() -> str:
    """The schema as it stands, with the settings as they are now."""
    schema = json.loads(CHART_SCHEMA.read_text(encoding="utf-8"))
    schema["$defs"] = {
        "settings": {
            "type": "object",
            "additionalProperties": False,
            "properties": dict(_settings()),
        },
        "variable": {"enum": [PREFIX + name.upper() for name in kinds_of_settings()]},
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _settings() -> Iterator[tuple[str, dict[str, Any]]]:
    kinds = dict.fromkeys(kinds_of_settings().values())
    docs = {name: text for kind in kinds for name, text in field_docs(kind).items()}
    elsewhere = _OF_THE_CHART | _MAY_HOLD_PASSWORDS | {"parts"}
    for field in (field for kind in kinds for field in msgspec.structs.fields(kind)):
        if field.type is not Secret and field.name not in elsewhere:
            schema = msgspec.json.schema(field.type, schema_hook=_text)
            yield field.name, {**schema, "description": docs[field.name]}


def _text(_: type) -> dict[str, str]:
    """The types that msgspec does not know are made from text."""
    return {"type": "string"}
