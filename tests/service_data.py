"""A small world for tests of the whole service: cat people, dog people, and what they saw."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from functools import cache, cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from pawsonalize.animals.tables.catalogue import Item
from pawsonalize.app.adapters import Adapters, opened
from pawsonalize.app.settings import Settings
from pawsonalize.core import clock
from pawsonalize.core.scopes import Scope
from tests.event_data import T0, event
from tests.training import train_and_serve

CATS = [f"1-{breed}-{size}-1" for breed in ("Siamese", "Manx", "Maine Coon") for size in "12"]
DOGS = [f"2-{breed}-{size}-3" for breed in ("Beagle", "Saint_Bernard", "Pug") for size in "23"]
SETTINGS: dict[str, Any] = {
    "log_level": "error",
    "max_body_bytes": 200_000,
    "exploration_weight": 0.0,
    "retrain_here": False,
    "refresh_seconds": 0.0,
}
_NOW = clock.now


def make_service(folder: Path, *, train: bool = True, **more: Any) -> Settings:
    """A data folder where cat people saw cats and dog people saw dogs; `more` are settings."""
    settings = Settings.of(data_dir=folder, **{**SETTINGS, **more})
    is_new = not folder.exists() or not any(folder.iterdir())
    if is_new and not any(name.endswith("_url") for name in more):
        shutil.copytree(_made(train).name, folder, dirs_exist_ok=True)
    else:
        _make(settings, train)
    return settings


def changed(adapters: Adapters, **fields: object) -> Adapters:
    """Copy adapters with other fields, such as `settings`; what is made of them is made anew."""
    other = copy(adapters)
    for name in list(vars(other)):
        if isinstance(getattr(Adapters, name, None), cached_property):
            del vars(other)[name]
    vars(other).update(fields)
    return other


@cache
def _made(train: bool) -> TemporaryDirectory[str]:
    """The folder that services get a copy of: no setting but an address changes it."""
    folder = TemporaryDirectory()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "now", _NOW)  # whatever time it is in the test that comes first
        _make(Settings.of(data_dir=Path(folder.name), **SETTINGS), train)
    return folder


def _make(settings: Settings, train: bool) -> None:
    with opened(settings) as adapters:
        fill(adapters)
        if train:
            train_and_serve(adapters, T0 + 1000)


def fill(adapters: Adapters) -> None:
    """Store the groups, and what people saw."""
    adapters.catalogue.put_items([Item(group, {}) for group in (*CATS, *DOGS, "2-Unseen-1-1")])
    adapters.log.append(
        [
            event(f"seed {user} {n}", user=f"seed {user}", session=None, item=item, at=n)
            for user in range(20)
            for n, item in enumerate((CATS, DOGS)[user % 2][user % 3 :: 2])
        ]
    )


def make_key(settings: Settings, *scopes: Scope, **more: Any) -> str:
    """A new access key of the service, as a bearer's token."""
    with opened(settings) as adapters:
        key, secret = adapters.access_keys.create(scopes, "", clock.now(), **more)
    return f"{key.name}.{secret}"


def client_of(app: Starlette, **options: Any) -> TestClient:
    """A client that says of every body that it is JSON, and calls this machine by its address."""
    headers = {"Content-Type": "application/json"}
    return TestClient(app, base_url="http://127.0.0.1:8080", headers=headers, **options)


def metadata(group: str) -> dict[str, Any]:
    """A group of the data above as sites send it, with numbers where they are."""
    species, breed, size, age = group.split("-")
    return {
        "animal_species_id": int(species),
        "animal_primary_breed_id": breed,
        "animal_size_id": int(size),
        "animal_age_id": int(age),
    }


def view(user: str | None, group: str, **more: Any) -> dict[str, Any]:
    """An event of a user, in a session of its own name unless `more` says otherwise."""
    form = {
        "sessionId": f"session of {user}",
        "eventType": "view",
        "animalMetadata": metadata(group),
    }
    return form | ({} if user is None else {"userId": user}) | more


@contextmanager
def clock_from(begins: int) -> Iterator[None]:
    """The clock of this process goes on from there: each day makes another demo world."""
    real, ahead = clock.now, clock.now() - begins
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "now", lambda: real() - ahead)
        yield
