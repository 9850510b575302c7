"""A kind of resource is described once, and every door, rule and command follows from that."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest
from starlette.routing import Route
from starlette.testclient import TestClient
from typer.testing import CliRunner

from pawsonalize.app.asgi import build_app
from pawsonalize.app.http.operations import checked
from pawsonalize.aws.arn import wire_name
from pawsonalize.aws.dispatch import HANDLERS
from pawsonalize.aws.protocol import operations
from pawsonalize.resources import registry
from pawsonalize.resources.catalogue import KINDS
from pawsonalize.resources.commands import add_commands
from pawsonalize.resources.datasets import DatasetGroup
from pawsonalize.resources.endpoints import operations_of
from pawsonalize.resources.kind import Commands, Field, Kind, Native, Param, Quota, Resource
from tests.service_data import client_of, make_service


class Ribbon(Resource, frozen=True, kw_only=True):
    """A prize of a show."""

    kind: ClassVar[str] = "ribbon"
    owner: ClassVar[str | None] = "dataset_group"

    dataset_group: str
    colour: str
    rank: int | None = None


def _change(parts: Any, name: str, changes: Any, now: int) -> Ribbon:
    def changed(ribbon: Ribbon) -> Ribbon:
        return msgspec.structs.replace(ribbon, **changes)

    stored: Ribbon = parts.registry.change(Ribbon, name, changed, now)
    return stored


COLOUR = Param(name="colour", help="Its colour.", is_argument=True)
RIBBON = Kind(
    resource=Ribbon,
    parent=DatasetGroup,
    quota=Quota(limit=2),
    change=_change,
    native=Native(
        list="Prizes, newest first.",
        create="Give a prize.",
        change="Paint it.",
        delete="Take it back.",
        request=("name", "dataset_group", "colour", "rank"),
        changes=("colour", "rank"),
        answer=("dataset_group", "colour", Field(name="place", type=int | None, of="rank")),
        docs={"request": "A prize.", "change": "Another colour.", "answer": "A prize."},
    ),
    commands=Commands(
        panel="Models",
        about="Ribbons: prizes.",
        columns=("name", "colour"),
        show=("Show a ribbon.", "best"),
        create=("Give a prize.", "best blue"),
        params=("name", COLOUR, "dataset_group"),
        update=("Paint it.", "best --colour red"),
        changes=(Param(name="colour", help="Its colour."),),
        delete=("Take it back.", "best"),
    ),
)


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """A service that knows ribbons, as if they stood in the catalogue."""
    monkeypatch.setattr(registry, "KINDS", dict(KINDS) | {Ribbon: RIBBON})
    registry.blocks_of.cache_clear()
    settings = make_service(tmp_path / "data", train=False)
    app = build_app(settings)
    assert RIBBON.native is not None
    for one in operations_of(RIBBON, RIBBON.native):
        app.router.routes.insert(0, Route(one.path, checked(one), methods=[one.method]))
    with client_of(app) as client:
        client.app_state["settings"] = settings
        yield client
    registry.blocks_of.cache_clear()


def test_a_described_kind_is_listed_created_changed_and_deleted_at_v1(client: TestClient) -> None:
    made = client.post("/v1/ribbons", json={"name": "best", "colour": "blue", "rank": 1})
    assert made.status_code == 201
    assert made.json() | {"createdAt": "", "updatedAt": ""} == {
        "name": "best",
        "status": "ACTIVE",
        "failureReason": None,
        "createdAt": "",
        "updatedAt": "",
        "revision": 1,
        "tags": {},
        "datasetGroup": "pawsonalize",
        "colour": "blue",
        "place": 1,
    }
    changed = client.patch("/v1/ribbons/best", json={"colour": "red"}).json()
    assert (changed["colour"], changed["place"], changed["revision"]) == ("red", 1, 2)
    assert client.get("/v1/ribbons/best").json() == changed
    page = client.get("/v1/ribbons", params={"datasetGroup": "pawsonalize"}).json()
    assert page == {"ribbons": [changed], "nextCursor": None}
    assert client.delete("/v1/ribbons/best").json() == changed
    assert client.get("/v1/ribbons/best").status_code == 404


def test_a_described_kind_needs_its_parent_blocks_it_and_has_a_quota(client: TestClient) -> None:
    ribbon = {"colour": "blue", "datasetGroup": "show"}
    assert client.post("/v1/ribbons", json={"name": "a", **ribbon}).status_code == 404
    client.post("/v1/dataset-groups", json={"name": "show"})
    for name in ("a", "b"):
        assert client.post("/v1/ribbons", json={"name": name, **ribbon}).status_code == 201
    refused = client.post("/v1/ribbons", json={"name": "c", **ribbon}).json()["error"]
    assert refused["message"] == "there may be 2 ribbons in a dataset group: delete one first"
    refused = client.delete("/v1/dataset-groups/show").json()["error"]
    assert refused["message"] == "dataset group show is needed by ribbon b: delete that first"


def test_a_described_kind_has_its_commands(client: TestClient) -> None:
    assert RIBBON.commands is not None
    app = add_commands(RIBBON, RIBBON.commands)

    def run(*words: str) -> str:
        data_dir = client.app_state["settings"].data_dir
        done = CliRunner().invoke(
            app, [*words, "--data-dir", str(data_dir)], catch_exceptions=False
        )
        assert done.exit_code == 0, done.output
        return done.stdout

    made = json.loads(run("create", "best", "blue", "--json"))
    assert (made["dataset_group"], made["colour"]) == ("pawsonalize", "blue")
    assert json.loads(run("update", "best", "--colour", "red", "--json"))["colour"] == "red"
    assert "red" in run("show", "best")
    assert "best" in run("ls", "--dataset-group", "pawsonalize")
    run("delete", "best")
    assert json.loads(run("ls", "--json")) == []


def test_each_operation_that_amazon_personalize_has_for_a_kind_is_done() -> None:
    for kind in KINDS.values():
        name = wire_name(kind)
        verbs = [f"{verb}{name}" for verb in ("Create", "Describe", "Update", "Delete")]
        theirs = operations().keys() & {*verbs, f"List{name}s"}
        assert {f"Describe{name}", f"List{name}s", f"Create{name}"} <= theirs, name
        assert theirs <= HANDLERS.keys(), name


def test_no_operation_is_done_that_amazon_personalize_does_not_have() -> None:
    assert HANDLERS.keys() <= operations().keys()


def test_what_a_kind_names_comes_before_it_in_the_catalogue() -> None:
    order = list(KINDS)
    named = [(kind, other) for kind in KINDS.values() for other in kind.references.values()]
    assert len(named) > 10
    for kind, other in named:
        assert order.index(other) < order.index(kind.resource), kind.word


def test_extras_are_stored_by_the_name_that_older_rows_have() -> None:
    group = DatasetGroup(name="shelter-b", extras={"domain": "ECOMMERCE"})
    row = registry.to_row(group)
    assert json.loads(row.body)["asked"] == {"domain": "ECOMMERCE"}
    assert registry.from_row(row, DatasetGroup) == group
