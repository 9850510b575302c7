"""A backup that is made while a server takes events holds all that was acknowledged before."""

from pathlib import Path

from pawsonalize.app.adapters import opened
from pawsonalize.app.settings import Settings
from tests.e2e.conftest import Server, Start, run_here
from tests.e2e.writers import Writers
from tests.event_data import T0
from tests.service_data import make_service


def answers(server: Server) -> list[object]:
    """What some visitors get, as of a moment before the load."""
    with server.client() as client:
        return [
            client.post("/v1/recommendations", json={"userId": user, "at": T0 + 9_000}).json()
            for user in ("seed 0", "seed 1", "nobody")
        ]


def test_made_under_load_it_brings_back_the_same_answers(start: Start, tmp_path: Path) -> None:
    folder, file, other = tmp_path / "data", tmp_path / "b.tar.zst", tmp_path / "other"
    make_service(folder)
    server = start(folder)
    before = answers(server)
    writers = Writers("ann", server)
    writers.wait_for(100)
    acknowledged = list(writers.acknowledged)
    made = run_here("backup", str(file), "--data-dir", str(folder))
    assert made.exit_code == 0, made.output
    writers.wait_for(len(writers.acknowledged) + 1)
    writers.stop()
    server.kill()
    assert writers.refused == {}
    back = run_here("restore", str(file), "--data-dir", str(other))
    assert back.exit_code == 0, back.output
    assert run_here("archive", "verify", "--data-dir", str(other)).exit_code == 0
    with opened(Settings(data_dir=other), must_exist=True) as adapters:
        stored = {row.event.event_id for row in adapters.log.read(0, adapters.log.head(), 10**9)}
    assert set(acknowledged) <= stored
    assert stored <= {*writers.sent, *(one for one in stored if one.startswith("seed "))}
    assert answers(start(other)) == before
