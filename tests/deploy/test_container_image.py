"""The image's steps are run, and what they make serves as a user without rights.

No container engine is needed: buildah runs the steps in a chroot, on a Debian that mmdebstrap
makes; bubblewrap starts the command as the image's user, on a root that cannot be written.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import httpx
import pytest

from tests.deploy.dockerfile import DOCKERFILE, ROOT
from tests.deploy.test_compose import ANIMAL, EVENT
from tests.free_ports import free_port

VARIABLE = "PAWSONALIZE_TEST_IMAGE"
TOOLS = ("buildah", "mmdebstrap", "bwrap", "setpriv")
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
MOST_MEGABYTES = 800


@dataclass(frozen=True)
class Image:
    """An image that was built: its files, and what it says of itself."""

    root: Path
    config: dict[str, Any]
    megabytes: float

    @property
    def environment(self) -> dict[str, str]:
        return dict(one.partition("=")[::2] for one in self.config["Env"])


class Buildah:
    """Images in a folder of their own, layer on layer, or else a whole copy for each step."""

    def __init__(self, folder: Path) -> None:
        own = ["--root", f"{folder}/images", "--runroot", f"{folder}/run"]
        layers = ["buildah", *own, "--storage-driver=overlay", "info"]
        works = subprocess.run(layers, capture_output=True, check=False).returncode == 0
        self._own = [*own, f"--storage-driver={'overlay' if works else 'vfs'}"]

    def __call__(self, *words: str) -> str:
        done = subprocess.run(
            ["buildah", *self._own, *words], capture_output=True, text=True, check=False
        )
        if done.returncode:
            pytest.fail(f"buildah {words[0]}: {done.stdout[-3000:]}{done.stderr[-3000:]}")
        return done.stdout.strip()


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    """The image; its folder lies where users without rights come to, as pytest's does not."""
    if not os.environ.get(VARIABLE):
        pytest.skip(f"no image is built here: set {VARIABLE}=1 (.ci/run does), it takes minutes")
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        pytest.skip(
            f"no {', '.join(missing)} here: apt install buildah netavark mmdebstrap bubblewrap"
        )
    if os.getuid() != 0:
        pytest.skip("only root can make a Debian to build on")
    folder = Path(mkdtemp(prefix="pawsonalize-image-"))
    folder.chmod(0o755)
    buildah = Buildah(folder)
    try:
        yield built(folder, buildah)
    finally:
        buildah("umount", "--all")
        shutil.rmtree(folder)


def built(folder: Path, buildah: Buildah) -> Image:
    base = folder / "base.tar"
    made = subprocess.run(
        ["mmdebstrap", "--quiet", "--variant=minbase", "trixie", str(base)],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        pytest.skip(f"no Debian can be had here: {made.stderr[-300:]}")
    container = buildah("from", "scratch")
    buildah("add", "--quiet", container, str(base), "/")
    buildah("commit", "--quiet", container, "localhost/debian")
    limits = [f"--ulimit={name}=4096:4096" for name in ("nofile", "nproc")]
    buildah(
        "build",
        "--isolation=chroot",
        "--format=docker",
        "--pull=never",
        "--network=host",
        *limits,
        *ways_out(folder),
        "--build-arg=BASE=localhost/debian",
        "--build-arg=VERSION=1.2.3",
        f"--file={DOCKERFILE}",
        "--tag=localhost/pawsonalize",
        str(ROOT),
    )
    told = json.loads(buildah("inspect", "--type=image", "localhost/pawsonalize"))
    container = buildah("from", "--pull=never", "localhost/pawsonalize")
    root = Path(buildah("mount", container))
    for each in root.parents[: root.parents.index(folder)]:
        each.chmod(0o711)  # so that the image's user comes there
    size = subprocess.run(["du", "-sm", str(root)], capture_output=True, text=True, check=True)
    return Image(root, told["Docker"]["config"], float(size.stdout.split()[0]))


def ways_out(folder: Path) -> list[str]:
    """How this machine reaches packages: its certificates, and apt's and pip's options."""
    pip = subprocess.run(["pip", "config", "list"], capture_output=True, text=True, check=False)
    index = re.findall(r"(?:global|:env:)\.index-url='([^']+)'", pip.stdout)
    lines = [
        "[global]",
        f"cert = /run/machine/{CERTIFICATES.name}",
        *(f"index-url = {one}" for one in index[:1]),
    ]
    (folder / "pip.conf").write_text("\n".join(lines))
    mounts = {
        folder / "pip.conf": "/etc/pip.conf",
        CERTIFICATES: f"/run/machine/{CERTIFICATES.name}",
    }
    for file in Path("/etc/apt/apt.conf.d").iterdir():
        if "Acquire::" in file.read_text():
            mounts[file] = str(file)
    return [f"--volume={here}:{there}:ro" for here, there in mounts.items()]


class Sandbox:
    """Runs the image's command as its user; only a data folder and /tmp can be written."""

    def __init__(self, image: Image, folder: Path) -> None:
        self._image, self.data = image, folder / "data"
        user, _, group = image.config["User"].partition(":")
        self.data.mkdir(mode=0o700)
        os.chown(self.data, int(user), int(group))
        self._as_user = [
            *("setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups"),
            *("--no-new-privs", "--inh-caps=-all", "--bounding-set=-all", "--"),
        ]
        self.port = free_port()
        self.log = folder / "log"

    def words(self, *command: str) -> list[str]:
        (volume,) = self._image.config["Volumes"]
        variables = {**self._image.environment, "PAWSONALIZE_PORT": str(self.port)}
        return [
            *self._as_user,
            *("bwrap", "--unshare-all", "--share-net", "--as-pid-1", "--clearenv"),
            *("--ro-bind", str(self._image.root), "/", "--bind", str(self.data), volume),
            *("--tmpfs", "/tmp", "--dev", "/dev", "--proc", "/proc"),
            *(word for pair in variables.items() for word in ("--setenv", *pair)),
            *("--chdir", self._image.config["WorkingDir"], "--", *command),
        ]

    def run(self, *command: str) -> "subprocess.CompletedProcess[str]":
        """Something beside the image's own command, as `docker exec` does."""
        return subprocess.run(
            self.words(*command), capture_output=True, text=True, check=False, timeout=120
        )

    @contextmanager
    def serving(self) -> Iterator["subprocess.Popen[bytes]"]:
        """The image's own command, until the block ends; `stop` asks it to stop."""
        words = self.words(*self._image.config["Entrypoint"], *self._image.config["Cmd"])
        with self.log.open("wb") as log:
            process = subprocess.Popen(words, stdout=log, stderr=log, start_new_session=True)
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def stop(self, process: "subprocess.Popen[bytes]") -> int:
        """SIGTERM to the process that is 1 in there, as an engine does; its exit code."""
        (inner,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        assert Path(f"/proc/{inner}/comm").read_text() == "tini\n"
        status = Path(f"/proc/{inner}/status").read_text()
        assert re.search(r"^CapEff:\s+0+$", status, re.M)
        assert re.search(r"^NoNewPrivs:\s+1$", status, re.M)
        os.kill(int(inner), signal.SIGTERM)
        return process.wait(60)


@pytest.fixture
def sandbox(image: Image) -> Iterator[Sandbox]:
    folder = Path(mkdtemp(prefix="pawsonalize-data-"))
    folder.chmod(0o755)
    yield Sandbox(image, folder)
    shutil.rmtree(folder)


def test_the_image_says_what_the_file_says(image: Image) -> None:
    assert image.config["User"] == "10001:10001"
    assert image.config["Healthcheck"]["Test"] == ["CMD", "pawsonalize", "health"]
    assert image.config["Labels"]["org.opencontainers.image.version"] == "1.2.3"
    assert image.megabytes < MOST_MEGABYTES


def test_nothing_is_in_the_image_that_only_the_build_needs(image: Image) -> None:
    assert not (image.root / "source").exists()
    assert not list((image.root / "opt").glob("build*"))
    site = image.root / "opt/pawsonalize/lib"
    assert not list(site.glob("*/site-packages/pip")) + list(site.glob("*/site-packages/hatchling"))
    for name in ("gcc", "curl", "pip"):
        assert not list((image.root / "usr/bin").glob(name))


def test_no_file_of_the_image_is_the_users_but_the_folder_of_the_volume(image: Image) -> None:
    mine = subprocess.run(
        ["find", str(image.root), "-uid", "10001"], capture_output=True, text=True, check=True
    )
    assert mine.stdout.split() == [f"{image.root}/var/lib/pawsonalize"]


def test_the_service_answers_on_a_root_that_cannot_be_written(sandbox: Sandbox) -> None:
    created = sandbox.run("pawsonalize", "keys", "create", "--json")
    assert created.returncode == 0, created.stderr
    key = json.loads(created.stdout)["token"]
    assert sandbox.run("pawsonalize", "health").returncode == 1  # nobody is there yet
    with sandbox.serving() as process:
        healthy = time.monotonic() + 120
        while sandbox.run("pawsonalize", "health").returncode:
            assert time.monotonic() < healthy, sandbox.log.read_text()
        with httpx.Client(
            base_url=f"http://127.0.0.1:{sandbox.port}",
            headers={"Authorization": f"Bearer {key}"},
            trust_env=False,
            timeout=30,
        ) as client:
            assert client.put("/v1/animals", json=[ANIMAL]).json()["rejected"] == []
            assert client.get("/readyz").status_code == 200
            assert client.post("/v1/events", json=[EVENT]).json()["accepted"] == 1
            answer = client.post("/v1/recommendations", json={"sessionId": "s-1", "of": "animals"})
            assert [one["id"] for one in answer.json()] == ["a-1"]
        assert sandbox.stop(process) == 0, sandbox.log.read_text()
    assert "Traceback" not in sandbox.log.read_text()
    assert (sandbox.data / "data/pawsonalize.sqlite3").exists()
    again = sandbox.run("pawsonalize", "history", "--session", "s-1", "--json")
    assert '"a-1"' in again.stdout or "Beagle" in again.stdout, again.stdout + again.stderr


def test_the_libraries_of_trainings_and_extras_can_be_loaded(sandbox: Sandbox) -> None:
    names = "lightgbm, scipy.sparse, obstore, psycopg, boto3, nats, opentelemetry.sdk"
    done = sandbox.run("/opt/pawsonalize/bin/python", "-c", f"import {names}")
    assert done.returncode == 0, done.stderr
