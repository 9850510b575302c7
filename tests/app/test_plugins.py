"""A plugin is taken away with its folder and its line, and the rest is a service that runs."""

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import distribution
from importlib.util import find_spec
from pathlib import Path
from sysconfig import get_path

import pytest
from msgspec.structs import fields

from pawsonalize.app import databases, ports
from pawsonalize.app.adapters import opened
from pawsonalize.app.settings import Settings
from pawsonalize.core import plugin as plugins
from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.plugin import SEPARATE, Plugin, Port, absence, added, installed, parts
from pawsonalize.plugins import BUILT_IN

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "pawsonalize"
ANIMAL = {"id": "rex", "species": "dog", "breed": "Saint Bernard", "size": "large", "age": "adult"}
PAGES = ("", "/animals", "/visitors", "/data", "/data/quality", "/data/archive", "/settings")
PLUGINS = (*BUILT_IN, *SEPARATE)
EVENT = {"sessionId": "s-1", "eventType": "viewed", "animal_id": "rex"}


def source_of(name: str) -> Path:
    """The package of a plugin that is a distribution of its own."""
    return ROOT / "packages" / name / "src" / f"pawsonalize_{name}"


def house_without(gone: Sequence[str], folder: Path) -> Path:
    """Build an environment without these plugins, of links to all that is left of this one."""
    folder.mkdir(parents=True)
    for one in Path(get_path("purelib")).iterdir():
        if "pawsonalize" not in one.name:
            (folder / one.name).symlink_to(one)
    for name in {*SEPARATE} - {*gone}:
        (folder / f"pawsonalize_{name}").symlink_to(source_of(name))
        about = distribution(f"pawsonalize-{name.replace('_', '-')}").locate_file("")
        (info,) = Path(str(about)).glob(f"pawsonalize_{name}-*.dist-info")
        (folder / info.name).symlink_to(info)
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
    assert {one.name for one in installed()} == {*PLUGINS} - {*gone}
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
    places = (SOURCE, *map(source_of, SEPARATE))
    source = "".join(file.read_text() for place in places for file in place.rglob("*.py"))
    declared = {name: port for name, port in vars(ports).items() if isinstance(port, Port)}
    provided = {one.port for one in added("ports")}
    wrong = [f"no plugin provides {name}" for name in declared if declared[name] not in provided]
    wrong += [
        f"nobody asks for {name}" for name in declared if not re.search(rf"(?<!\w){name}\(", source)
    ]
    for plugin in installed():
        kinds = {part.name for part in fields(Plugin)} - {"name", "package"}
        named = [part for kind in kinds if (part := getattr(plugin, kind))]
        for reference in named:
            try:
                plugin.load(reference)
            except (AttributeError, ImportError) as error:
                wrong.append(f"{plugin.name}: {reference}: {error}")
    assert wrong == []


def test_each_setting_and_command_of_a_distribution_is_known_where_it_is_absent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = {
        f"setting {name.replace('_', '')}": plugin.name
        for plugin, settings in parts("settings")
        if plugin.name in SEPARATE
        for name in settings.__struct_fields__
    }
    asked |= {
        f"command {command.name}": plugin.name
        for plugin, commands in parts("commands")
        if plugin.name in SEPARATE
        for command in commands
    }
    assert {*asked.values()} == {*SEPARATE}
    assert [one for one in asked if absence(one)] == []
    monkeypatch.setattr(plugins, "_load_foreign", lambda: ({}, ()))
    plugins.installed.cache_clear()
    try:
        for one, name in asked.items():
            assert f"'pawsonalize[{name.replace('_', '-')}]'" in (absence(one) or ""), one
        assert absence("setting port") is None
    finally:
        plugins.installed.cache_clear()


@pytest.mark.real
@pytest.mark.parametrize(
    "without",
    [
        pytest.param([PLUGINS[::2], PLUGINS[1::2], PLUGINS, (*SEPARATE,)], id="groups"),
        pytest.param([(plugin,) for plugin in PLUGINS], id="each", marks=pytest.mark.nightly),
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
                "-S",  # nor what is installed here
                "-W",
                "ignore",
                "-m",
                "tests.app.test_plugins",
                name,
                str(tmp_path / "data" / name),
            ],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(house)},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        if result.returncode:
            failed[name] = result.stderr[-3000:]
    assert failed == {}


def test_a_bucket_of_models_is_refused_where_no_plugin_opens_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(databases, "ARTEFACTS", lambda *_: None)
    settings = Settings(data_dir=tmp_path / "data", artefact_url=str(tmp_path / "bucket"))
    with pytest.raises(InvalidInput, match="no plugin fleet") as refused, opened(settings):
        pass
    assert refused.value.field == "artefact_url"


if __name__ == "__main__":
    run_a_service(sys.argv[1].split("+"), Path(sys.argv[2]))
