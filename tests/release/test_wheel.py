"""The wheel holds all that runs, says what it is, and works where nothing else is."""

import os
import re
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from sysconfig import get_path

import httpx
import pytest
from packaging.metadata import Metadata

import pawsonalize
from pawsonalize.core.plugin import SEPARATE
from tests.e2e.conftest import Server, environment
from tests.free_ports import free_port

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src"
HOME = "https://git.example/pawsonalize"


def build(kind: str, folder: Path, home: str = HOME, source: Path = ROOT) -> Path:
    """A distribution, as the build backend of pyproject.toml makes it."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(folder)],
        cwd=source,
        env=os.environ | {"PAWSONALIZE_REPOSITORY_URL": home},
        check=True,
        capture_output=True,
    )
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def separate(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """The wheels of the plugins that are distributions of their own, by their names."""
    folder = tmp_path_factory.mktemp("separate")
    return {
        name: build("wheel", folder / name, source=ROOT / "packages" / name) for name in SEPARATE
    }


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> Metadata:
    """What the wheel says of itself."""
    return metadata_of(wheel)


def metadata_of(wheel: Path) -> Metadata:
    """What a wheel says of itself, once every field has been found valid."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        return Metadata.from_email(archive.read(name), validate=True)


def test_the_wheel_holds_every_file_of_the_package_and_no_other(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    files = {
        str(path.relative_to(SOURCE))
        for path in SOURCE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert held == files
    for kind in ("py.typed", ".html", ".css", ".js", ".lark", ".jinja", "breed_names.txt"):
        assert any(name.endswith(kind) for name in held), kind
    assert any("core/database/migrations/versions/" in name for name in held)


def test_the_metadata_is_complete(metadata: Metadata) -> None:
    assert metadata.name == "pawsonalize"
    assert str(metadata.version) == pawsonalize.__version__
    assert metadata.license_expression == "Apache-2.0"
    assert metadata.license_files == ["LICENSE"]
    assert metadata.summary
    assert metadata.keywords
    assert "Typing :: Typed" in (metadata.classifiers or [])
    assert metadata.description_content_type == "text/markdown"
    urls = metadata.project_urls or {}
    assert urls.keys() >= {"Homepage", "Documentation", "Changelog", "Issues", "Source"}
    assert all(url.startswith(HOME) for url in urls.values())


def test_every_link_of_the_long_description_leads_somewhere_from_anywhere(
    metadata: Metadata,
) -> None:
    targets = re.findall(r"\]\(([^)]+)\)", metadata.description or "")
    assert targets
    assert [target for target in targets if not target.startswith("http")] == []
    assert f"{HOME}/raw/HEAD/docs/images/adoption-site.png" in targets


def test_a_build_that_knows_no_home_names_none(tmp_path: Path) -> None:
    found = metadata_of(build("wheel", tmp_path, home=""))
    assert not found.project_urls
    assert "](docs/quickstart.md)" in (found.description or "")


def test_the_version_stands_in_one_place() -> None:
    assert "version =" not in (ROOT / "pyproject.toml").read_text().split("[tool.")[0]
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert f"\n## {pawsonalize.__version__}" in changelog


def test_each_distribution_and_the_extras_that_bring_it_name_each_others_version(
    metadata: Metadata, separate: Mapping[str, Path]
) -> None:
    version = pawsonalize.__version__
    extras = [one for one in metadata.requires_dist or () if one.name.startswith("pawsonalize")]
    assert {one.name for one in extras} == {f"pawsonalize-{_extra(name)}" for name in SEPARATE}
    assert {str(one.specifier) for one in extras} == {f"=={version}"}
    for name, wheel in separate.items():
        found = metadata_of(wheel)
        assert (found.name, str(found.version)) == (f"pawsonalize-{_extra(name)}", version)
        assert _extra(name) in (metadata.provides_extra or ())
        (service,) = [one for one in found.requires_dist or () if one.name == "pawsonalize"]
        assert str(service.specifier) == f"=={version}"


def _extra(plugin: str) -> str:
    return plugin.replace("_", "-")


def test_the_service_alone_names_the_extra_of_what_it_lacks_and_has_it_once_installed(
    wheel: Path, separate: Mapping[str, Path], tmp_path: Path
) -> None:
    installed = tmp_path / "installed"
    installed.mkdir()
    for one in Path(get_path("purelib")).iterdir():  # what it depends on, and nothing of ours
        if "pawsonalize" not in one.name:
            (installed / one.name).symlink_to(one)
    _install(wheel, installed)

    def said(*words: str, **settings: str) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-S", "-m", "pawsonalize.app.cli.main", *words],
            cwd=tmp_path,
            env=environment(**settings) | {"PYTHONPATH": str(installed)},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    data = ("--data-dir", str(tmp_path / "data"))
    assert said("keys", "create", *data)[0] == 0
    for words, settings in (
        (("consume",), {}),
        (("status", *data), {"stream_url": "nats://127.0.0.1:1/EVENTS"}),
        (("events", "send", "-", "--to", "nats://127.0.0.1:1/EVENTS"), {}),
    ):
        code, text = said(*words, **settings)
        assert code == 2, words
        assert "pip install 'pawsonalize[streams]'" in text
    assert "not installed: streams" in said("doctor", "--json", *data)[1]
    config = tmp_path / "wanted.yaml"
    config.write_text("stream_url: nats://127.0.0.1:1/EVENTS\n")
    code, text = said("config", "check", config=str(config))
    assert code == 2
    assert f"{config}: there is no setting stream_url" in text
    assert "pip install 'pawsonalize[streams]'" in text

    _install(separate["streams"], installed)
    assert said("consume", "--help")[0] == 0
    assert said("keys", "ls", *data)[0] == 0
    with closing(sqlite3.connect(tmp_path / "data" / "pawsonalize.sqlite3")) as database:
        assert database.execute("SELECT count(*) FROM stream_shards").fetchone() == (0,)
    about = installed / f"pawsonalize_streams-{pawsonalize.__version__}.dist-info" / "METADATA"
    about.write_text(re.sub(r"(?m)^Version: .*", "Version: 0.0.9", about.read_text()))
    assert "streams of pawsonalize-streams 0.0.9 is left out" in said("doctor", "--json", *data)[1]


def _install(wheel: Path, folder: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)


def test_after_the_tests_make_run_installs_nothing() -> None:
    if subprocess.run(["make", "--question", ".venv/ready"], cwd=ROOT, check=False).returncode:
        pytest.skip("not in an environment that `make setup` has just made")
    done = subprocess.run(
        ["make", "--dry-run", "run"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "pip" not in done.stdout
    assert "pawsonalize demo" in done.stdout


def test_what_is_in_the_wheel_serves(wheel: Path, tmp_path: Path) -> None:
    """From the unpacked wheel alone, with the dependencies of this environment."""
    unpacked = tmp_path / "unpacked"
    _install(wheel, unpacked)
    begin = (
        f"import sys; sys.path.insert(0, {str(unpacked)!r}); import pawsonalize.app.cli.main as m;"
        " print(m.__file__, flush=True); m.main()"
    )
    with serving([sys.executable, "-c", begin, "serve"], tmp_path) as (client, output):
        assert str(unpacked) in output.read_text()
        assert client.get("/docs").status_code == 200
        assert "<main" in client.get("/tenants").text


@pytest.mark.nightly
def test_the_wheel_serves_the_demo_from_an_empty_environment(wheel: Path, tmp_path: Path) -> None:
    uv = shutil.which("uv") or str(ROOT / ".tools/bin/uv")
    if not Path(uv).exists():
        pytest.skip("no uv here: `make setup` puts one beside the project")
    python = tmp_path / "venv/bin/python"
    subprocess.run([uv, "venv", "--quiet", str(tmp_path / "venv")], check=True)
    installed = [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(python)]
    if subprocess.run([*installed, str(wheel)], check=False).returncode:
        pytest.skip("no package index can be reached")
    with serving([str(python.parent / "pawsonalize"), "demo"], tmp_path) as (client, _):
        assert "/static/" in client.get("/").text
        assert client.get("/docs").status_code == 200
        assert client.get("/aws/").status_code < 500


@contextmanager
def serving(command: list[str], folder: Path) -> Iterator[tuple[httpx.Client, Path]]:
    """A server that this command begins, once it answers; ended afterwards."""
    output, port = folder / "output", free_port()
    arguments = ["--port", str(port), "--data-dir", str(folder / "data")]
    with output.open("wb") as file:
        process = subprocess.Popen(
            [*command, *arguments], cwd=folder, env=environment(), stdout=file, stderr=file
        )
    server = Server(process, port, output)
    try:
        assert server.comes_up()
        with server.client() as client:
            yield client, output
    finally:
        assert server.stop() == 0
