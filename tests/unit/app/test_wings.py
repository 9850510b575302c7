"""A wing is taken away with its folder and its line, and the rest is a service that runs."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from pawsonalize.app import shared_data
from pawsonalize.app.adapters import opened
from pawsonalize.domain.errors import InvalidInput
from pawsonalize.settings import Settings
from pawsonalize.wings import WINGS

ROOT = Path(__file__).parents[3]
SOURCE = ROOT / "src" / "pawsonalize"
ANIMAL = {"id": "rex", "species": "dog", "breed": "Saint Bernard", "size": "large", "age": "adult"}
PAGES = ("", "/animals", "/visitors", "/data", "/data/quality", "/data/archive", "/settings")
EVENT = {"sessionId": "s-1", "eventType": "viewed", "animal_id": "rex"}


def house_without(wing: str, folder: Path) -> Path:
    """Build the package without a wing, of links to all that is left of it."""
    wings = folder / "pawsonalize" / "wings"
    wings.mkdir(parents=True)
    for place, left_out in ((SOURCE, "wings"), (SOURCE / "wings", wing)):
        for one in place.iterdir():
            if one.name not in (left_out, "__init__.py", "__pycache__"):
                (folder / one.relative_to(SOURCE.parent)).symlink_to(one)
    for file in ("__init__.py", "wings/__init__.py"):
        lines = (SOURCE / file).read_text().splitlines()
        left = [line for line in lines if line.strip() != f'"{wing}",']
        (folder / "pawsonalize" / file).write_text("\n".join(left))
    return folder


def run_a_service(wing: str, data: Path) -> None:
    """Take an event in, answer, and run two commands, in this process, without the wing."""
    from starlette.testclient import TestClient
    from typer.testing import CliRunner

    from pawsonalize.app.asgi import build_app
    from pawsonalize.cli.main import app
    from pawsonalize.wing import installed

    assert find_spec(f"pawsonalize.wings.{wing}") is None
    assert wing not in [one.name for one in installed()]
    with TestClient(build_app(Settings(data_dir=data, retrain_here=False))) as client:
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
        console = [] if wing == "console" else [f"/console{path}" for path in PAGES]
        for path in ("/static/site.css", "/healthz", "/metrics", "/openapi.json", "/docs"):
            assert client.get(path).status_code == 200, path
        for path in console:
            assert client.get(path).status_code == 200, path
    for command in (["--help"], ["doctor", "--data-dir", str(data)], ["vacuum", "--help"]):
        result = CliRunner().invoke(app, command)
        ended = result.exception is None or isinstance(result.exception, SystemExit)
        assert ended, (command, result.exception)
        assert result.output, command


@pytest.mark.real
def test_without_a_wing_and_its_line_the_rest_is_a_service_that_runs(tmp_path: Path) -> None:
    failed = {}
    for wing in WINGS:
        house = house_without(wing, tmp_path / wing)
        result = subprocess.run(
            [
                sys.executable,
                "-W",
                "ignore",
                "-m",
                "tests.unit.app.test_wings",
                wing,
                str(tmp_path / f"{wing}-data"),
            ],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(house)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if result.returncode:
            failed[wing] = result.stderr[-3000:]
    assert failed == {}


def test_a_bucket_of_models_is_refused_where_no_wing_opens_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_data, "offered", lambda *_: None)
    settings = Settings(data_dir=tmp_path / "data", artefact_url=str(tmp_path / "bucket"))
    with pytest.raises(InvalidInput, match="no wing fleet") as refused, opened(settings):
        pass
    assert refused.value.field == "artefact_url"


if __name__ == "__main__":
    run_a_service(sys.argv[1], Path(sys.argv[2]))
