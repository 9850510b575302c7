"""What the Dockerfile promises, read from it; `test_container_image.py` runs its steps."""

import json
import re
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest

from pawsonalize.app.cli.main import app
from pawsonalize.app.settings import kinds_of_settings
from pawsonalize.core.plugin import SEPARATE
from tests.deploy.dockerfile import DOCKERFILE, ROOT, environment, last_stage, steps

IGNORED = ROOT / ".dockerignore"


def of_last(word: str) -> list[str]:
    return [rest for found, rest in last_stage() if found == word]


def pins(name: str) -> dict[str, str]:
    text = (ROOT / "requirements" / name).read_text()
    return dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", text, re.M))


def test_hadolint_finds_nothing() -> None:
    hadolint = Path(sys.executable).parent / "hadolint"
    if not hadolint.exists():
        pytest.skip("hadolint has no wheel for this system")
    done = subprocess.run([hadolint, str(DOCKERFILE)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_image_runs_as_a_user_by_number_who_is_not_root() -> None:
    (user,) = of_last("USER")
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)
    after = [word for word, _ in last_stage()]
    assert set(after[after.index("USER") + 1 :]) <= {"EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD"}


def test_every_base_is_the_argument_that_a_release_gives_with_its_digest() -> None:
    assert [rest.split(" ")[0] for word, rest in steps() if word == "FROM"] == ["${BASE}"] * 2
    assert steps()[0] == ("ARG", "BASE=debian:trixie-slim")


def test_the_program_itself_is_the_health_check_and_what_is_run() -> None:
    commands = {
        each.name or each.callback.__name__ for each in app.registered_commands if each.callback
    }
    (check,) = of_last("HEALTHCHECK")
    asked = json.loads(check.partition("CMD ")[2])
    (entry,), (command,) = of_last("ENTRYPOINT"), of_last("CMD")
    assert json.loads(entry) == ["/usr/bin/tini", "--", "pawsonalize"]
    assert asked[0] == "pawsonalize"
    assert {asked[1], *json.loads(command)} <= commands


def test_every_variable_of_ours_is_a_setting_and_the_data_are_in_the_volume() -> None:
    ours = {name: value for name, value in environment().items() if name.startswith("PAWSONALIZE")}
    names = {name.removeprefix("PAWSONALIZE_").lower() for name in ours}
    assert names <= set(kinds_of_settings())
    assert Path(ours["PAWSONALIZE_DATA_DIR"]).parent == Path(*of_last("VOLUME"))
    assert of_last("EXPOSE") == [ours["PAWSONALIZE_PORT"]]


def test_everything_is_installed_by_its_hash() -> None:
    runs = " ; ".join(rest for word, rest in steps() if word == "RUN")
    installs = re.findall(r"pip\S*(?: --python \S+)? install (.*?)(?: && | ; |$)", runs)
    assert len(installs) == 3
    assert [("--require-hashes" in one, "--no-deps" in one) for one in installs] == [
        (True, False),
        (True, False),
        (False, True),  # the wheel that was just built
    ]


def test_the_image_has_the_versions_that_are_tested() -> None:
    tested, container = pins("dev.txt"), pins("container.txt")
    assert container.items() <= tested.items()
    assert pins("base.txt").items() <= container.items()
    assert pins("build.txt").items() <= tested.items()
    assert container.keys() >= {"boto3", "nats-py", "psycopg", "opentelemetry-sdk"}


def test_what_is_copied_is_all_that_the_engine_is_given() -> None:
    lines = [line for line in IGNORED.read_text().splitlines() if line and line[0] != "#"]
    assert lines[0] == "*"
    allowed = {line[1:] for line in lines if line.startswith("!")}
    copied = [
        name.rstrip("/")
        for word, rest in steps()
        if word == "COPY" and not rest.startswith("--from")
        for name in rest.split()[:-1]
    ]
    assert {f"packages/{name}" for name in SEPARATE} <= {*copied}
    for name in copied:
        assert (ROOT / name).exists()
        assert any(fnmatch(one, f"{name}*") for one in allowed), name
    assert all(any(one.startswith(name) for name in copied) for one in allowed)
