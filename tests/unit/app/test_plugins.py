"""A plugin is taken away with its folder and its line, and the rest is a service that runs."""

import os
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import pytest
from msgspec.structs import fields

from pawsonalize.app import databases
from pawsonalize.app.adapters import opened
from pawsonalize.app.settings import Settings
from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.plugin import Plugin, installed
from pawsonalize.plugins import BUILT_IN

ROOT = Path(__file__).parents[3]
SOURCE = ROOT / "src" / "pawsonalize"
ANIMAL = {"id": "rex", "species": "dog", "breed": "Saint Bernard", "size": "large", "age": "adult"}
PAGES = ("", "/animals", "/visitors", "/data", "/data/quality", "/data/archive", "/settings")
EVENT = {"sessionId": "s-1", "eventType": "viewed", "animal_id": "rex"}


def house_without(gone: Sequence[str], folder: Path) -> Path:
    """Build the package without these plugins, of links to all that is left of it."""
    plugins = folder / "pawsonalize" / "plugins"
    plugins.mkdir(parents=True)
    for place, left_out in ((SOURCE, ("plugins",)), (SOURCE / "plugins", gone)):
        for one in place.iterdir():
            if one.name not in (*left_out, "__init__.py", "__pycache__"):
                (folder / one.relative_to(SOURCE.parent)).symlink_to(one)
    for file in ("__init__.py", "plugins/__init__.py"):
        lines = (SOURCE / file).read_text().splitlines()
        left = [line for line in lines if line.strip(' ",') not in gone]
        (folder / "pawsonalize" / file).write_text("\n".join(left))
    return folder


def run_a_service(gone: Sequence[str], data: Path) -> None:
    """Take an event in, answer, and run commands, in this process, without these plugins."""
    from starlette.testclient import TestClient
    from typer.testing import CliRunner

    from pawsonalize.app.asgi import build_app
    from pawsonalize.app.cli.main import app
    from pawsonalize.app.configuration import unusable
    from pawsonalize.core.plugin import installed

    assert [one for one in gone if find_spec(f"pawsonalize.plugins.{one}")] == []
    assert {one.name for one in installed()} == {*BUILT_IN} - {*gone}
    settings = Settings(data_dir=data, retrain_here=False, site=True)
    assert list(unusable(settings)) == []
    with TestClient(build_app(settings)) as client:
        assert client.put("/v1/animals", json=[ANIMAL]).status_code == 200
        accepted = client.post("/v1/events", json=EVENT)
        assert (accepted.status_code, accepted.json()["accepted"]) == (202, 1), accepted.text
        refused = client.post("/v1/events", json={"sessionId": "s-1"})
        assert refused.status_code == 400, refused.text
        answer = client.post("/v1/recommendations", json={"sessionId": "s-1"})
        assert answer.status_code == 200, answer.text
        assert answer.json() == [{"id": "2-Saint_Bernard-3-3"}], answer.text
        erased = client.delete("/v1/users/nobody")
        assert erased.status_code == 202, erased.text
        console = [] if "console" in gone else [f"/console{path}" for path in PAGES]
        for path in ("/static/site.css", "/healthz", "/metrics", "/openapi.json", "/docs"):
            page = client.get(path)
            assert page.status_code == 200, (path, page.text)
        for path in console:
            page = client.get(path)
            assert page.status_code == 200, (path, page.text)
    folder = ["--data-dir", str(data)]
    for command in (["--help"], ["doctor", *folder], ["vacuum", *folder]):
        result = CliRunner().invoke(app, command)
        ended = result.exception is None or isinstance(result.exception, SystemExit)
        assert ended, (command, result.exception)
        assert result.output, command


def test_every_part_that_a_plugin_names_is_there_and_every_port_is_asked_for() -> None:
    source = "".join(file.read_text() for file in SOURCE.rglob("*.py"))
    wrong = []
    for plugin in installed():
        values = [getattr(plugin, part.name) for part in fields(Plugin) if part.name != "name"]
        named = [one for one in values if isinstance(one, str) and one]
        for reference in (*named, *plugin.ports.values()):
            try:
                plugin.load(reference)
            except (AttributeError, ImportError) as error:
                wrong.append(f"{plugin.name}: {reference}: {error}")
        wrong += [
            f"{plugin.name}: nobody asks for {port}"
            for port in plugin.ports
            if f'offered("{port}"' not in source
        ]
    assert wrong == []


@pytest.mark.real
@pytest.mark.parametrize(
    "without",
    [
        pytest.param([BUILT_IN[::2], BUILT_IN[1::2], BUILT_IN], id="groups"),
        pytest.param([(plugin,) for plugin in BUILT_IN], id="each", marks=pytest.mark.nightly),
    ],
)
def test_without_a_plugin_and_its_line_the_rest_is_a_service_that_runs(
    without: Sequence[Sequence[str]], tmp_path: Path
) -> None:
    failed = {}
    for gone in without:
        name = "+".join(gone)
        house = house_without(gone, tmp_path / name)
        result = subprocess.run(
            [
                sys.executable,
                "-W",
                "ignore",
                "-m",
                "tests.unit.app.test_plugins",
                name,
                str(tmp_path / "data" / name),
            ],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(house)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if result.returncode:
            failed[name] = result.stderr[-3000:]
    assert failed == {}


def test_a_bucket_of_models_is_refused_where_no_plugin_opens_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(databases, "offered", lambda *_: None)
    settings = Settings(data_dir=tmp_path / "data", artefact_url=str(tmp_path / "bucket"))
    with pytest.raises(InvalidInput, match="no plugin fleet") as refused, opened(settings):
        pass
    assert refused.value.field == "artefact_url"


if __name__ == "__main__":
    run_a_service(sys.argv[1].split("+"), Path(sys.argv[2]))
