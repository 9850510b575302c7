"""Made-up seed data, animals and events."""

import random
from pathlib import Path
from typing import Any

T0 = 1_700_000_000
"""Seconds since 1970 of the first event."""


def write_seed(folder: Path) -> None:
    """Visitors who look at cats, visitors who look at dogs, and some without a rule."""
    folder.mkdir()
    chance = random.Random(1)
    rows = []
    for visitor in range(60):
        own = groups(1 + visitor % 2)
        for step in range(10):
            seen = chance.choice(groups(1) + groups(2)) if visitor % 6 == 0 else own[step % 12]
            rows.append(f"visitor-{visitor},{seen},{T0 + visitor * 60 + step}")
    (folder / "interactions.csv").write_text("\n".join(["USER_ID,ITEM_ID,TIMESTAMP", *rows, ""]))
    items = [f"{one},{one.split('-')[1]},1,{one[0]},1,0.1,15000000" for one in groups(1, 2)]
    head = "ITEM_ID,ANIMAL_BREED,ANIMAL_AGE,ANIMAL_TYPE,ANIMAL_SIZE,ITEM_VALUE,CREATION_TIMESTAMP"
    (folder / "items.csv").write_text("\n".join([head, *items, ""]))


def groups(*species: int) -> list[str]:
    """Twelve animal groups of each species, in the order of their names."""
    return [f"{one}-Breed_{n}-1-1" for one in species for n in range(12)]


def metadata(group: str) -> dict[str, str]:
    """What a site says of an animal of the group."""
    names = ("species", "primary_breed", "size", "age")
    return {f"animal_{name}_id": part for name, part in zip(names, group.split("-"), strict=True)}


def event(user: str | None, group: str) -> dict[str, Any]:
    """A visit to an animal's page, as a site puts it into the stream."""
    return {
        **({} if user is None else {"userId": user}),
        "sessionId": f"session of {user or 'nobody'}",
        "eventType": "DetailView",
        "animalMetadata": metadata(group),
        "animal_id": "98765",
    }
