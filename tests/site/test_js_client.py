"""The client of packages/js: its own tests, its size, its types, and what its package holds."""

import gzip
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from pawsonalize.app.asgi import build_app
from tests.adoption_site import serving
from tests.service_data import make_service

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "packages/js"
SCRIPT = ROOT / "src/pawsonalize/site/static/embed.js"
TYPESCRIPT = "typescript@5.9"


def run(*command: str, folder: Path = PACKAGE) -> subprocess.CompletedProcess[str]:
    if shutil.which(command[0]) is None:
        pytest.skip(f"no {command[0]} here")
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )


def test_the_client_passes_its_own_tests() -> None:
    done = run("node", "--test", "--test-force-exit", "test/")
    assert done.returncode == 0, done.stdout


ASK = f"""
import {{ Pawsonalize }} from "{SCRIPT.as_uri()}";
const told = ({{ name, status, code, field }}) => ({{ name, status, code, field }});
const pets = new Pawsonalize({{ url: process.argv[1], timeout: 20000 }});
const refused = [
  await pets.recommend({{ limit: 501 }}).catch(told),
  await pets.send({{ eventType: "view", animal_id: "a", eventValue: "much" }}).catch(told),
];
const away = new Pawsonalize({{ url: "http://127.0.0.1:1" }});
console.log(JSON.stringify([...refused, await away.recommend().catch(told)]));
process.exit();
"""


def test_what_the_service_refuses_differs_from_an_outage(tmp_path: Path) -> None:
    with serving(build_app(make_service(tmp_path, train=False))) as url:
        done = run("node", "--input-type=module", "-e", ASK, url)
    assert done.returncode == 0, done.stderr
    limit, event, away = json.loads(done.stdout)
    assert limit == {"name": "Error", "status": 400, "code": "invalid_input", "field": "limit"}
    assert (event["status"], event["field"]) == (400, "eventValue")
    assert away == {"name": "TypeError", "code": "unreachable"}


def test_the_client_takes_at_most_9_100_bytes() -> None:
    assert len(gzip.compress(SCRIPT.read_bytes())) <= 9_100


@pytest.mark.nightly  # npm fetches the compiler
def test_what_the_types_say_is_what_the_client_has() -> None:
    compiler = ("npx", "--yes", "--package", TYPESCRIPT, "tsc")
    if run(*compiler, "--version").returncode != 0:
        pytest.skip("TypeScript's compiler cannot be had from npm here")
    done = run(*compiler, "-p", str(PACKAGE))
    assert done.returncode == 0, done.stdout


def test_the_package_holds_the_file_that_servers_serve(tmp_path: Path) -> None:
    done = run("npm", "pack", "--json", "--offline", "--pack-destination", str(tmp_path))
    assert done.returncode == 0, done.stderr
    (packed,) = tmp_path.glob("*.tgz")
    shutil.unpack_archive(packed, tmp_path)
    assert (tmp_path / "package/embed.js").read_bytes() == SCRIPT.read_bytes()
    told = json.loads((tmp_path / "package/package.json").read_text())
    for name in (told["types"], told["exports"]["."]["default"]):
        assert (tmp_path / "package" / name).is_file()


def test_the_client_and_the_server_have_one_version() -> None:
    from pawsonalize import __version__

    assert json.loads((PACKAGE / "package.json").read_text())["version"] == __version__
