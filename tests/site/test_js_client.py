"""The client of packages/js: its own tests, its size, its types, and what its package holds."""

import gzip
import json
import shutil
import subprocess
from pathlib import Path

import pytest

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
