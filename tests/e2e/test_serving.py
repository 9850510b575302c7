"""`pawsonalize serve` under operation: stopping, workers, updates."""

import json
import os
import re
import signal
import socket
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from pawsonalize.resources.access_keys import secret_of
from tests.e2e.conftest import Server, Start, run, starting
from tests.e2e.test_crash import assert_exactly_once
from tests.e2e.writers import Writers, form
from tests.service_data import make_service
from tests.waiting import wait_until

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


def workers_of(server: Server) -> list[int]:
    """The processes that have mapped the model, the server's own among them."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if os.getpgid(int(folder.name)) == server.process.pid:
                maps = (folder / "maps").read_text()
                if re.search(r"/models/.*\.npy", maps):
                    found.append(int(folder.name))
        except (ProcessLookupError, FileNotFoundError, PermissionError):
            continue
    return found


def with_two_workers(start: Start, tmp_path: Path) -> Server:
    """A server whose two workers have both mapped a model."""
    folder = tmp_path / "data"
    make_service(folder)
    server = start(folder, "--workers", "2")
    wait_until(lambda: len(workers_of(server)) == 2)
    return server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One for all tests that neither stop it nor look at all that it holds."""
    folder = tmp_path_factory.mktemp("serving")
    with starting(folder) as start:
        yield start(folder / "data")


def test_every_answer_says_when_it_was_given(server: Server) -> None:
    with server.client() as client:
        for path in ("/healthz", "/v1/campaigns", "/nowhere", "/openapi.json", "/aws"):
            assert len(client.get(path).headers.get_list("date")) == 1, path
    with socket.create_connection(("127.0.0.1", server.port)) as broken:
        broken.sendall(b"this is no HTTP\r\n\r\n")
        answer = broken.recv(65536).lower()
    assert answer.startswith(b"http/1.1 400")
    assert b"\r\ndate: " in answer


@pytest.mark.parametrize("workers", ["1", "2"])
def test_sigterm_answers_what_is_in_flight_and_keeps_what_was_acknowledged(
    start: Start, tmp_path: Path, workers: str
) -> None:
    folder = tmp_path / "data"
    server = start(folder, "--workers", workers)
    writers = Writers("ann", server)
    writers.wait_for(50)
    body = json.dumps(form("slow-1")).encode()
    with socket.create_connection(("127.0.0.1", server.port)) as slow:
        slow.settimeout(60)
        head = "POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        head += f"Expect: 100-continue\r\nContent-Length: {len(body)}\r\n\r\n"
        slow.sendall(head.encode() + body[:10])
        assert slow.recv(65536).startswith(b"HTTP/1.1 100"), "it has begun when the signal comes"
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        assert server.process.poll() is None, "it left a request without an answer"
        slow.sendall(body[10:])
        answer = slow.recv(65536)
    assert answer.startswith(b"HTTP/1.1 202"), answer
    assert server.process.wait(60) == 0, server.output.read_text()
    writers.stop()
    assert "Traceback" not in server.output.read_text()
    restarted = start(folder)
    assert_exactly_once(restarted, folder, writers, "ann")
    with restarted.client() as client:
        assert len(client.get("/v1/users/slow/history").json()["events"]) == 1


def report_of(server: Server) -> int | None:
    """The process that makes a report for the server or its workers, if there is one."""
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(ProcessLookupError, FileNotFoundError):
            is_its_own = os.getpgid(int(folder.name)) == server.process.pid
            if is_its_own and b"report_outcomes" in (folder / "cmdline").read_bytes():
                return int(folder.name)
    return None


@on_linux
@pytest.mark.parametrize(("workers", "path"), [("1", "/v1/outcomes"), ("2", "/console/outcomes")])
def test_a_server_that_is_told_to_end_waits_for_no_report(
    start: Start, tmp_path: Path, workers: str, path: str
) -> None:
    server = start(tmp_path / "data", "--workers", workers)
    with ThreadPoolExecutor(1) as asking, server.client() as client:
        asked = asking.submit(client.get, path)
        wait_until(lambda: report_of(server) is not None)
        report = report_of(server)
        assert report is not None
        os.kill(report, signal.SIGSTOP)  # so it takes as long as may be
        server.process.send_signal(signal.SIGTERM)
        answer = asked.result()
        assert server.process.wait(60) == 0, server.output.read_text()
    assert answer.status_code == 503
    assert "he report was not made: the server ends" in answer.text
    log = server.output.read_text()
    assert "Traceback" not in log
    assert "timeout graceful shutdown exceeded" not in log


@on_linux
def test_workers_share_the_model_add_up_their_metrics_and_replace_each_other(
    start: Start, tmp_path: Path
) -> None:
    server = with_two_workers(start, tmp_path)
    for n in range(40):  # a connection each, so that both workers get some
        assert httpx.post(f"{server.url}/v1/events", json=form(f"ann-{n}")).status_code == 202
        answer = httpx.post(f"{server.url}/v1/recommendations", json={"userId": "ann"})
        assert answer.status_code == 200

    def counted() -> set[str]:
        metrics = httpx.get(f"{server.url}/metrics").text
        return set(
            re.findall(r'^pawsonalize_events_total{outcome="accepted"} (\S+)', metrics, re.M)
        )

    assert {value for _ in range(10) for value in counted()} == {"40.0"}
    os.kill(workers_of(server)[0], signal.SIGKILL)
    wait_until(lambda: len(workers_of(server)) == 2)
    for n in range(40, 60):
        assert httpx.post(f"{server.url}/v1/events", json=form(f"ann-{n}")).status_code == 202
    assert counted() == {"60.0"}
    assert server.stop() == 0


@on_linux
def test_a_worker_that_dies_while_it_is_asked_whether_it_lives_is_replaced_at_once(
    start: Start, tmp_path: Path
) -> None:
    server = with_two_workers(start, tmp_path)
    before = workers_of(server)
    os.kill(before[0], signal.SIGSTOP)
    time.sleep(2)  # it is asked twice a second, and cannot answer
    os.kill(before[0], signal.SIGKILL)
    wait_until(lambda: len({*workers_of(server)} - {*before}) == 1, seconds=60)
    assert server.stop() == 0


def test_a_body_above_the_limit_is_refused_before_it_has_all_come(server: Server) -> None:
    with server.client() as client:
        answer = client.post(
            "/v1/events",
            content=b" " * (6 * 1024 * 1024),
            headers={"Content-Type": "application/json"},
        )
        assert answer.status_code == 413
        assert answer.json()["error"]["code"] == "too_large"
        assert client.post("/v1/events", json=form("ann-1")).status_code == 202


def test_a_client_that_hangs_up_leaves_no_trace(start: Start, tmp_path: Path) -> None:
    server = start(tmp_path / "data")
    for part in (b"POST /v1/ev", b"POST /v1/events HTTP/1.1\r\nContent-Length: 99\r\n\r\n{"):
        with socket.create_connection(("127.0.0.1", server.port)) as gone:
            gone.sendall(part)
            time.sleep(0.1)
    for nonsense in (b"\x16\x03\x01\x02\x00\x01", b"GET / HTTP/9.9\r\n\r\n", b"\x00" * 999):
        with socket.create_connection(("127.0.0.1", server.port)) as rude:
            rude.sendall(nonsense)
            time.sleep(0.05)
    with server.client() as client:
        assert client.post("/v1/events", json=form("ann-1")).status_code == 202
        metrics = client.get("/metrics").text
    assert 'status="500"' not in metrics
    assert server.stop() == 0
    assert "Traceback" not in server.output.read_text()
    assert "unexpected error" not in server.output.read_text()


def test_an_id_with_any_sign_is_found_by_its_percent_encoding(server: Server) -> None:
    with server.client() as client:
        for user, path in (
            ("a/b", "a%2Fb"),
            ("a%2Fb", "a%252Fb"),
            ("Zoë 東", "Zo%C3%AB%20%E6%9D%B1"),
        ):
            client.post("/v1/events", json={**form("x-1"), "userId": user, "eventId": f"of {user}"})
            events = client.get(f"/v1/users/{path}/history").json()["events"]
            assert [event["userId"] for event in events] == [user]


def test_a_network_is_not_let_in_by_mistake(tmp_path: Path) -> None:
    """Beyond this machine nobody is answered without a key, and nothing starts without one."""
    folder = tmp_path / "data"
    make_service(folder, train=False)
    refused = run("serve", "--host", "0.0.0.0", "--port", "0", "--data-dir", str(folder))
    assert refused.returncode == 2
    assert "pawsonalize keys create" in refused.stderr
    assert "PAWSONALIZE_ACCESS_KEYS=open" in refused.stderr


def test_a_service_that_nobody_sets_up_by_hand_begins_with_the_keys_of_its_settings(
    tmp_path: Path, start: Start
) -> None:
    key_id, root = "PAWSABCDEFGHIJKLMNOP", "ab" * 32
    settings = {"access_key_root": root, "first_access_keys": f"{key_id}=runtime+events"}
    bearer = {"Authorization": f"Bearer {key_id}.{secret_of(key_id, bytes.fromhex(root))}"}
    for _ in range(2):  # the second time they are there
        server = start(tmp_path / "data", "--host", "0.0.0.0", **settings)
        with server.client() as client:
            assert client.post("/v1/recommendations", json={}).status_code == 401
            asked = client.post("/v1/recommendations", json={}, headers=bearer)
            assert asked.status_code != 401
            assert client.get("/v1/runs", headers=bearer).status_code == 403
        server.stop()


def test_a_first_key_with_an_unknown_scope_is_named(tmp_path: Path) -> None:
    key = "PAWSABCDEFGHIJKLMNOP=all"
    refused = run("serve", "--port", "0", "--data-dir", str(tmp_path), first_access_keys=key)
    assert refused.returncode == 2
    assert "first_access_keys" in refused.stderr
    assert "operator" in refused.stderr


@pytest.mark.parametrize("command", ["serve", "demo"])
def test_a_port_that_is_taken_is_one_line_with_the_next_move_and_nothing_is_made(
    tmp_path: Path, command: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        refused = run(command, "--data-dir", str(tmp_path / "data"), "--port", str(port))
    (line,) = refused.stderr.splitlines()
    assert (refused.returncode, refused.stdout) == (1, "")
    assert line.startswith(f"error: cannot listen on port {port} of 127.0.0.1: address already in")
    assert f"--port {port + 1}" in line
    assert not (tmp_path / "data").exists()


def test_a_server_names_its_adoption_site_when_it_starts(start: Start, tmp_path: Path) -> None:
    server = start(tmp_path / "data", site="true", site_name="Paws of San José")
    assert f"adoption site:  {server.url}/ (Paws of San José)" in server.output.read_text()
