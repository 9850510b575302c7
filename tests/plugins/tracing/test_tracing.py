"""Traces: what spans there are, what they hold, and that they cost nothing when they are off."""

import gzip
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from starlette.testclient import TestClient

from pawsonalize.app.asgi import build_app
from pawsonalize.core.database.database import Database
from pawsonalize.plugins.tracing.tracing import RequestSpans, tracing_to
from pawsonalize.recommend.groups import GroupRecommender
from pawsonalize.recommend.query import Query
from tests.service_data import client_of, make_service, view

SECRET = "ann-o-nym"
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    settings = make_service(tmp_path_factory.mktemp("service"))
    with client_of(build_app(settings)) as client:
        yield client


@pytest.fixture
def spans(client: TestClient) -> Iterator[InMemorySpanExporter]:
    memory = InMemorySpanExporter()
    with tracing_to(SimpleSpanProcessor(memory)):
        yield memory


def ask_about(user: str, client: TestClient) -> None:
    client.post("/v1/events", json=[view(user, "1-Siamese-1-1")])
    client.post("/v1/recommendations?detail=full", json={"userId": user})
    client.get(f"/v1/users/{user}/history", params={"since": 1}, headers={"traceparent": PARENT})
    client.get(f"/v1/animals/{user}")


def test_a_request_the_model_and_the_tables_have_spans(
    client: TestClient, spans: InMemorySpanExporter
) -> None:
    client.post("/v1/recommendations", json={"userId": "ann"})
    by_name = {span.name: span for span in spans.get_finished_spans()}
    request = by_name["POST /v1/recommendations"]
    model = by_name["model GroupRecommender.recommend"]
    assert request.context is not None
    assert model.context is not None
    assert model.parent is not None
    assert model.parent.span_id == request.context.span_id
    storage = [span for name, span in by_name.items() if name.startswith("storage ")]
    assert {span.context.trace_id for span in storage if span.context} == {request.context.trace_id}
    assert storage


def test_a_span_holds_nobody(client: TestClient, spans: InMemorySpanExporter) -> None:
    ask_about(SECRET, client)
    found = spans.get_finished_spans()
    assert {"GET /v1/users/{user_id}/history", "GET /v1/animals/{animal_id}"} <= {
        span.name for span in found
    }
    for span in found:
        text = span.to_json()
        assert SECRET not in text
        assert "testclient" not in text, "the caller's address"
        assert span.events == ()


def test_a_trace_goes_on_that_the_caller_began(
    client: TestClient, spans: InMemorySpanExporter
) -> None:
    ask_about("ann", client)
    assert f"{parent_trace(spans):032x}" == PARENT.split("-")[1]


def parent_trace(spans: InMemorySpanExporter) -> int:
    (span,) = (one for one in spans.get_finished_spans() if "history" in one.name)
    assert span.context is not None
    trace: int = span.context.trace_id
    return trace


def test_an_error_is_a_span_with_its_type_alone(
    client: TestClient, spans: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: object) -> None:
        raise RuntimeError(SECRET)

    monkeypatch.setattr(Query, "with_user", fail)
    with pytest.raises(RuntimeError, match=SECRET):
        client.post("/v1/recommendations", json={"userId": "ann"})
    failed = {span.name: span for span in spans.get_finished_spans() if not span.status.is_ok}
    assert failed.keys() >= {"POST /v1/recommendations", "model GroupRecommender.recommend"}
    assert all(attributes(span)["error.type"] == "RuntimeError" for span in failed.values())
    assert not any(SECRET in span.to_json() for span in failed.values())


def attributes(span: ReadableSpan) -> dict[str, object]:
    return dict(span.attributes or {})


def test_once_they_are_off_everything_is_as_it_was(client: TestClient) -> None:
    before = (GroupRecommender.recommend, Database.reading)
    memory = InMemorySpanExporter()
    with tracing_to(SimpleSpanProcessor(memory)):
        assert GroupRecommender.recommend is not before[0]
    client.post("/v1/recommendations", json={"userId": "ann"})
    assert (GroupRecommender.recommend, Database.reading) == before
    assert RequestSpans.tracer is None
    assert memory.get_finished_spans() == ()


def test_a_server_without_traces_does_not_import_opentelemetry() -> None:
    program = (
        "import sys, pawsonalize.app.asgi; print([m for m in sys.modules if 'telemetry' in m])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


class Receiver(BaseHTTPRequestHandler):
    """Takes what an OTLP receiver takes."""

    received: list[ExportTraceServiceRequest] = []  # noqa: RUF012 - one server a test

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        Receiver.received.append(ExportTraceServiceRequest.FromString(body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


def test_traces_reach_the_receiver_that_the_settings_name(tmp_path: Path) -> None:
    Receiver.received.clear()
    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}/v1/traces"
        settings = make_service(tmp_path, train=False, traces_url=url)
        with client_of(build_app(settings)) as client:
            client.get("/healthz")
        server.shutdown()
        thread.join()
    resources = [one for request in Receiver.received for one in request.resource_spans]
    names = {span.name for one in resources for scope in one.scope_spans for span in scope.spans}
    assert "GET /healthz" in names
    told = {each.key: each.value.string_value for each in resources[0].resource.attributes}
    assert told["service.name"] == "pawsonalize"


def test_without_the_extra_one_line_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pawsonalize.app.settings import Settings
    from pawsonalize.core.errors import InvalidInput
    from pawsonalize.plugins.tracing.tracing import check_tracing

    monkeypatch.setitem(sys.modules, "opentelemetry.instrumentation.utils", None)
    with pytest.raises(InvalidInput, match=r"pip install 'pawsonalize\[otel\]'"):
        check_tracing(Settings.of(data_dir=tmp_path, traces_url="http://127.0.0.1:4318/v1/traces"))
