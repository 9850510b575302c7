"""The compose file: valid, confined, and settings that start our processes as they stand."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
import yaml

from tests.deploy import dockerfile
from tests.forked import COMMAND, Forked
from tests.free_ports import free_port
from tests.waiting import wait_until

FOLDER = dockerfile.ROOT / "deploy/container"
FILE = FOLDER / "compose.yaml"
SERVICES: dict[str, Any] = yaml.safe_load(FILE.read_text())["services"]
OURS = ("serve", "work", "stream")
ANIMAL = {"id": "a-1", "species": "dog", "breed": "Beagle", "size": "large", "name": "Rex"}
GROUP = {
    "animal_species_id": 1,
    "animal_primary_breed_id": "Beagle",
    "animal_size_id": 2,
    "animal_age_id": 2,
}
EVENT = {"sessionId": "s-1", "eventType": "view", "animal_id": "a-1", "animalMetadata": GROUP}


def test_the_file_keeps_to_the_specification() -> None:
    check = str(Path(sys.executable).parent / "check-jsonschema")
    done = subprocess.run(
        [check, "--builtin-schema", "vendor.compose-spec", str(FILE)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_compose_itself_takes_the_file() -> None:
    compose = shutil.which("docker-compose")
    if compose is None:
        pytest.skip("no docker-compose here: it is in Debian's package docker-compose")
    done = subprocess.run(
        [compose, "-f", str(FILE), "config", "--quiet"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_confined_and_limited(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory", "pids"}
    assert "healthcheck" in service or name in OURS  # the image's own


def test_only_the_servers_can_be_reached_and_from_this_machine_alone() -> None:
    assert [name for name, one in SERVICES.items() if "ports" in one] == ["serve"]
    assert SERVICES["serve"]["ports"][0].startswith("127.0.0.1:")
    assert yaml.safe_load(FILE.read_text())["networks"]["back"] == {"internal": True}


def test_no_secret_is_a_variable_of_the_file() -> None:
    names = [name for one in SERVICES.values() for name in one.get("environment", {})]
    secret = re.compile("PASSWORD$|SECRET_ACCESS|ROOT$|DATABASE_URL|STREAM_URL")
    assert len(names) > 3
    assert [name for name in names if secret.search(name)] == []


def test_secrets_are_made_once_and_for_nobody_else(secrets: Path) -> None:
    first = {path.name: path.read_text() for path in secrets.iterdir()}
    assert first.keys() == yaml.safe_load(FILE.read_text())["secrets"].keys()
    assert secrets.stat().st_mode & 0o077 == 0
    subprocess.run([str(secrets.parent / "make-secrets")], check=True, capture_output=True)
    assert {path.name: path.read_text() for path in secrets.iterdir()} == first
    assert first["postgres-password"].strip() in first["database-url"]


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    """What `make-secrets` makes, beside a copy of the files of compose."""
    shutil.copy(FOLDER / "make-secrets", tmp_path)
    shutil.copytree(FOLDER / "nats", tmp_path / "nats")
    subprocess.run([str(tmp_path / "make-secrets")], check=True, capture_output=True)
    return tmp_path / "secrets"


@contextmanager
def nats(folder: Path, authorization: str) -> Iterator[int]:
    """The stream's server with its own file, at other ports; yields its port."""
    if shutil.which("nats-server") is None:
        pytest.skip("no nats-server here: it is in Debian's package nats-server")
    port, health = free_port(), free_port()
    config = folder / "nats.conf"
    text = config.read_text().replace("0.0.0.0:4222", f"127.0.0.1:{port}")
    text = text.replace("127.0.0.1:8222", f"127.0.0.1:{health}").replace("/data", str(folder))
    config.write_text(text)
    (folder / "authorization.conf").write_text(authorization)
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(["nats-server", "--config", str(config)], stdout=log, stderr=log)
    try:
        wait_until(lambda: is_200(f"http://127.0.0.1:{health}/healthz?js-enabled-only=true"))
        yield port
    finally:
        server.kill()
        server.wait()


def is_200(url: str) -> bool:
    with suppress(httpx.TransportError):
        return httpx.get(url, trust_env=False).status_code == 200
    return False


class Composed:
    """Starts a service's process as compose would: its command, its variables, its secrets."""

    def __init__(self, folder: Path, secrets: Path, moved: dict[str, str]) -> None:
        self._folder, self._secrets, self._moved = folder, secrets, moved

    def _here(self, text: str) -> str:
        """With this machine's addresses in place of compose's."""
        text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)
        for there, here in self._moved.items():
            text = text.replace(there, here)
        return text

    def variables(self, name: str, port: int) -> dict[str, str]:
        own = self._folder / name
        (own / "secrets").mkdir(parents=True, exist_ok=True)
        for secret in SERVICES[name]["secrets"]:
            text = self._here((self._secrets / secret["source"]).read_text())
            (own / "secrets" / secret["target"]).write_text(text)
        given = {key: self._here(value) for key, value in SERVICES[name]["environment"].items()}
        assert given["PAWSONALIZE_SECRETS_DIR"] == "/run/secrets"
        others = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("PAWSONALIZE", "AWS"))
        }
        image = {key: value for key, value in dockerfile.environment().items() if key != "PATH"}
        return (
            others
            | image
            | given
            | {
                "PAWSONALIZE_SECRETS_DIR": str(own / "secrets"),
                "PAWSONALIZE_DATA_DIR": str(own / "data"),
                "PAWSONALIZE_PORT": str(port),
                "PAWSONALIZE_HOST": "127.0.0.1",
                "PAWSONALIZE_ARCHIVE_SECONDS": "0.1",
            }
        )

    def start(self, name: str, *command: str, port: int = 0) -> Forked:
        words = command or SERVICES[name].get("command", ["serve"])
        with self.output(name).open("ab") as log:
            return Forked(
                [COMMAND, *words],
                cwd=self._folder,
                env=self.variables(name, port or free_port()),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def output(self, name: str) -> Path:
        return self._folder / f"{name}.log"


@contextmanager
def running(composed: Composed, *names: str) -> Iterator[dict[str, int]]:
    """These services, once they live; yields their ports. They end well, or the test fails."""
    ports = {name: free_port() for name in names}
    servers = {name: composed.start(name, port=port) for name, port in ports.items()}
    try:
        for name, port in ports.items():
            wait_until(lambda port=port: is_200(f"http://127.0.0.1:{port}/healthz"))  # type: ignore[misc]
            assert servers[name].poll() is None
        yield ports
        for server in servers.values():
            server.terminate()
        assert [server.wait(60) for server in servers.values()] == [0] * len(servers)
    finally:
        for server in servers.values():
            with suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGKILL)


def test_the_processes_of_the_file_answer_and_take_events_by_both_ways(
    secrets: Path, tmp_path: Path, postgres: Callable[[], AbstractContextManager[str]], aws_url: str
) -> None:
    authorization = (secrets / "nats-authorization").read_text()
    password = (secrets / "postgres-password").read_text().strip()
    with nats(secrets.parent / "nats", authorization) as nats_port, postgres() as database:
        moved = {
            f"postgresql://pawsonalize:{password}@postgres:5432/pawsonalize": database,
            "http://s3:7070": aws_url,
            "@nats:4222": f"@127.0.0.1:{nats_port}",
        }
        composed = Composed(tmp_path / "run", secrets, moved)
        made_bucket(composed)
        assert composed.start("stream").wait(60) == 0, composed.output("stream").read_text()
        assert composed.start("serve", "keys", "create", "--json").wait(60) == 0
        key = re.findall(r'"token":"([^"]+)"', composed.output("serve").read_text())[0]
        with running(composed, "serve", "work") as ports:
            talk(f"http://127.0.0.1:{ports['serve']}", key)
            published = tmp_path / "events.jsonl"
            published.write_text(json.dumps({**EVENT, "sessionId": "s-2"}))
            assert composed.start("stream", "events", "send", str(published)).wait(60) == 0
            with client_of(f"http://127.0.0.1:{ports['serve']}", key) as client:
                wait_until(lambda: client.get("/v1/sessions/s-2/history").json()["events"])
            wait_until(lambda: objects(aws_url))
        for name in OURS:
            assert "without effect" not in composed.output(name).read_text()


def made_bucket(composed: Composed) -> None:
    """As the command of the service s3 does, a folder being a bucket there."""
    variables = composed.variables("serve", 1)
    (name,) = re.findall(r"mkdir -p /data/(\S+)", SERVICES["s3"]["command"][0])
    assert variables["PAWSONALIZE_ARTEFACT_URL"].startswith(f"s3://{name}/")
    s3(variables["AWS_ENDPOINT_URL"]).create_bucket(Bucket=name)


def objects(address: str) -> list[Any]:
    found = s3(address).list_objects_v2(Bucket="pawsonalize", Prefix="service/archive/")
    return list(found.get("Contents", ()))


def s3(address: str) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=address,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        region_name="us-east-1",
    )


def client_of(url: str, key: str) -> httpx.Client:
    return httpx.Client(
        base_url=url, headers={"Authorization": f"Bearer {key}"}, trust_env=False, timeout=30
    )


def talk(url: str, key: str) -> None:
    """Animals, an event and a question, as a site has them."""
    with client_of(url, key) as client:
        unknown = client.get("/v1/animals", headers={"Authorization": ""})
        assert unknown.status_code == 401
        assert client.put("/v1/animals", json=[ANIMAL]).json()["rejected"] == []
        assert client.post("/v1/events", json=[EVENT]).json()["accepted"] == 1
        assert client.get("/readyz").status_code == 200
        answer = client.post("/v1/recommendations", json={"sessionId": "s-1", "of": "animals"})
        assert [one["id"] for one in answer.json()] == ["a-1"]
