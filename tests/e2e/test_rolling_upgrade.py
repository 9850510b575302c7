"""Two versions of the program run side by side on one database, and nobody notices."""

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

import pawsonalize
from pawsonalize.app.settings import Settings
from pawsonalize.core.database.tables import REVISION
from tests.e2e.conftest import Server, Start, environment, starting
from tests.e2e.writers import Writers, form
from tests.free_ports import free_port
from tests.service_data import make_service

_EXPANDING = '''"""Events say where they come from."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "{revision}", "{before}"
change = "expands"


def upgrade() -> None:
    op.add_column("events", sa.Column("origin", sa.Text()))
'''
_CONTRACTING = '''"""All events say where they come from."""

from alembic import op

revision, down_revision = "{revision}", "{before}"
change = "contracts"
oldest_program = "{before}"


def upgrade() -> None:
    op.execute("UPDATE events SET origin = 'before' WHERE origin IS NULL")
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("events", "origin", nullable=False)
    else:
        op.execute(
            "CREATE TRIGGER origin BEFORE INSERT ON events WHEN NEW.origin IS NULL"
            " BEGIN SELECT RAISE(ABORT, 'no origin'); END"
        )
'''
_TABLE = 'events = _table(\n    "events",\n'
_POPPED = '    shown = columns.pop("impression")\n'


def following(revision: str, by: int) -> str:
    return f"{int(revision) + by:04}"


def program(folder: Path, *migrations: str) -> str:
    """A copy of the package with more migrations: a later version of the program."""
    package = folder / "pawsonalize"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(pawsonalize.__file__).parent, package, ignore=ignored)
    for number, migration in enumerate(migrations, start=1):
        revision, before = following(REVISION, number), following(REVISION, number - 1)
        file = package / f"core/database/migrations/versions/{revision}_later.py"
        file.write_text(migration.format(revision=revision, before=before))
    latest = following(REVISION, len(migrations))
    change(
        package / "core/database/tables.py",
        {
            _TABLE: f'{_TABLE}    sa.Column("origin", sa.Text, default="later"),\n',
            f'REVISION = "{REVISION}"': f'REVISION = "{latest}"',
        },
    )
    change(
        package / "events/tables/event_reads.py",
        {
            _POPPED: f'{_POPPED}    columns.pop("origin")\n',
            '{"offset", "impression"}': '{"offset", "impression", "origin"}',
        },
    )
    return str(folder)


def change(file: Path, texts: Mapping[str, str]) -> None:
    source = file.read_text()
    for before, after in texts.items():
        assert source.count(before) == 1, f"{file.name} has no longer {before!r}"
        source = source.replace(before, after)
    file.write_text(source)


@pytest.fixture(scope="module")
def expanding(tmp_path_factory: pytest.TempPathFactory) -> str:
    return program(tmp_path_factory.mktemp("expanding"), _EXPANDING)


@pytest.fixture(scope="module")
def contracting(tmp_path_factory: pytest.TempPathFactory) -> str:
    return program(tmp_path_factory.mktemp("contracting"), _EXPANDING, _CONTRACTING)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    with starting(tmp_path) as start:
        yield start


def refused_start(settings: Settings, program: str | None = None) -> str:
    """What a server says that does not start."""
    variables = environment(database_url=settings.database)
    where = ("--data-dir", str(settings.data_dir), "--port", str(free_port()))
    ended = subprocess.run(
        [sys.executable, "-m", "pawsonalize.app.cli.main", "serve", *where],
        env=variables | ({"PYTHONPATH": program} if program else {}),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 1, ended.stderr
    return ended.stderr


def trained_by(server: Server) -> str:
    """How a training ends that the server starts."""
    with server.client() as client:
        answer = client.post("/v1/solution-versions", json={"solution": "recommender"})
        name = answer.json()["name"]
        deadline = time.monotonic() + 120
        while (status := client.get(f"/v1/solution-versions/{name}").json()["status"]) in {
            "CREATE PENDING",
            "CREATE IN_PROGRESS",
        }:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    return str(status)


def shares_with(one: Server, other: Server, name: str) -> None:
    """What one takes in, the other's next answer knows; both recommend."""
    with one.client() as here, other.client() as there:
        assert here.post("/v1/events", json=form(f"{name}-1")).status_code == 202
        history = there.get(f"/v1/users/{name}/history").json()["events"]
        assert [event["eventId"] for event in history] == [f"{name}-1"]
        for client in (here, there):
            assert client.post("/v1/recommendations", json={"userId": name}).json()


@pytest.mark.nightly
def test_versions_follow_each_other_without_a_request_that_fails(
    database_url: str, tmp_path: Path, start: Start, expanding: str, contracting: str
) -> None:
    settings = make_service(tmp_path / "data", database_url=database_url)
    folder, more = settings.data_dir, {"database_url": settings.database}
    old = start(folder, **more)
    writing_old = Writers("old", old, threads=2)
    new = start(folder, program=expanding, **more)
    writing_new = Writers("new", new, threads=2)
    shares_with(old, new, "ann")
    shares_with(new, old, "bob")
    assert trained_by(old) == "ACTIVE", "a process that the old program starts goes on as well"
    assert f":{old.port} (Pawsonalize {pawsonalize.__version__})" in (
        said := refused_start(settings, contracting)
    )
    assert f":{new.port}" not in said
    writing_old.wait_for(len(writing_old.acknowledged) + 20)
    writing_new.wait_for(len(writing_new.acknowledged) + 20)
    writing_old.stop()
    assert old.stop() == 0

    newest = start(folder, program=contracting, **more)
    writing_newest = Writers("newest", newest, threads=2)
    shares_with(new, newest, "cleo")
    shares_with(newest, new, "dan")
    assert "a newer version of Pawsonalize has changed them" in refused_start(settings)
    writing_new.wait_for(len(writing_new.acknowledged) + 20)
    writing_newest.wait_for(20)
    for writers in (writing_new, writing_newest):
        writers.stop()
    for server in (new, newest):
        assert server.stop() == 0
    everything = (writing_old, writing_new, writing_newest)
    assert [one.refused for one in everything] == [{}, {}, {}]
    acknowledged = {event for one in everything for event in one.acknowledged}
    assert not acknowledged - stored_ids(database_url)


def stored_ids(database_url: str) -> set[str]:
    """The ids of the events, read as a program would that the tables do not refuse."""
    engine = create_engine(database_url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        found = set(connection.scalars(text("SELECT event_id FROM events")))
    engine.dispose()
    return found
