"""Access keys: their secrets are nowhere, and only who has the root key can tell them."""

import stat
from pathlib import Path

import pytest

from pawsonalize.core.database.database import Database
from pawsonalize.core.errors import InvalidInput, NotFound, StorageUnavailable
from pawsonalize.core.scopes import Scope
from pawsonalize.resources.access_keys import AccessKeys, RootKeyFile
from pawsonalize.resources.registry import Registry
from pawsonalize.resources.tables import Resources
from tests.event_data import T0


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(f"sqlite:///{tmp_path / 'keys.sqlite3'}")


@pytest.fixture
def keys(database: Database, tmp_path: Path) -> AccessKeys:
    return AccessKeys(Registry(Resources(database)), RootKeyFile(tmp_path / "root"))


def test_a_key_is_found_with_the_secret_it_was_created_with(keys: AccessKeys) -> None:
    created = keys.create([Scope.EVENTS, Scope.EVENTS, Scope.RUNTIME], "the site", T0)
    other = keys.create([Scope.EVENTS], "", T0)
    assert keys.find(created[0].name) == created
    assert created[0].scopes == (Scope.EVENTS, Scope.RUNTIME)
    assert created[0].name != other[0].name
    assert created[1] != other[1]
    assert len(created[1]) == 40
    assert {key.name for key in keys.all()} == {created[0].name, other[0].name}


def test_no_secret_is_in_the_tables(keys: AccessKeys, database: Database, tmp_path: Path) -> None:
    _, secret = keys.create([Scope.EVENTS], "", T0)
    database.close()
    stored = b"".join(file.read_bytes() for file in tmp_path.glob("*.sqlite3*"))
    assert secret.encode() not in stored
    assert (tmp_path / "root").read_bytes() not in stored


def test_only_its_owner_reads_the_root_key(keys: AccessKeys, tmp_path: Path) -> None:
    keys.create([Scope.EVENTS], "", T0)
    assert stat.S_IMODE((tmp_path / "root").stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.glob("root*")] == ["root"]


def test_a_lost_root_key_is_told_and_not_replaced(keys: AccessKeys, tmp_path: Path) -> None:
    key, _ = keys.create([Scope.EVENTS], "", T0)
    (tmp_path / "root").unlink()
    with pytest.raises(StorageUnavailable, match="root key"):
        keys.find(key.name)
    with pytest.raises(StorageUnavailable, match="root key"):
        keys.create([Scope.EVENTS], "", T0)
    keys.delete(key.name)
    keys.create([Scope.EVENTS], "", T0)


def test_a_key_needs_a_scope_and_goes_once(keys: AccessKeys) -> None:
    with pytest.raises(InvalidInput, match="scope"):
        keys.create([], "", T0)
    key, _ = keys.create([Scope.EVENTS], "", T0)
    keys.delete(key.name)
    assert keys.find(key.name) is None
    with pytest.raises(NotFound):
        keys.delete(key.name)
