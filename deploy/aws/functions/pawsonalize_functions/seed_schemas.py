"""The schemas of the seed data."""

import json


def _schema(name: str, *fields: dict[str, object]) -> str:
    return json.dumps(
        {
            "type": "record",
            "name": name,
            "namespace": "com.amazonaws.personalize.schema",
            "fields": list(fields),
            "version": "1.0",
        }
    )


def _column(name: str, kind: str = "string", **more: bool) -> dict[str, object]:
    return {"name": name, "type": kind, **more}


SEED_SCHEMAS = {
    "INTERACTIONS": _schema(
        "Interactions", _column("USER_ID"), _column("ITEM_ID"), _column("TIMESTAMP", "long")
    ),
    "ITEMS": _schema(
        "Items",
        _column("ITEM_ID"),
        _column("ANIMAL_BREED", categorical=True),
        _column("ANIMAL_AGE", categorical=True),
        _column("ANIMAL_TYPE", categorical=True),
        _column("ANIMAL_SIZE", categorical=True),
        _column("ITEM_VALUE", "float"),
        _column("CREATION_TIMESTAMP", "long"),
    ),
}
"""By the dataset's type."""
