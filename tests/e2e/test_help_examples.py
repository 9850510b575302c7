"""Every example of every `--help` runs, as it stands there."""

import json
import re
import shlex
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from pawsonalize.app.adapters import Adapters, opened
from pawsonalize.app.cli.main import app
from pawsonalize.app.settings import Settings
from pawsonalize.core import clock
from pawsonalize.core.notifications import Notification, NotificationKind, NotificationTopic
from pawsonalize.core.scopes import Scope
from pawsonalize.core.work.problems import Delivery
from pawsonalize.events.ingest import HTTP
from pawsonalize.plugins.dead_letters.letters import DeadLetter, DeadLetters
from pawsonalize.plugins.notifications.destinations import Destinations, NotificationDestination
from pawsonalize.train.retraining.runs import Trigger
from tests import forked
from tests.animal_data import animal
from tests.event_data import T0, event
from tests.feed_server import Answer, feed_server
from tests.forked import COMMAND, Forked
from tests.free_ports import free_port
from tests.service_data import CATS, DOGS, make_service, metadata
from tests.training import train_and_serve
from tests.waiting import wait_until

ITEMS = "ITEM_ID,CREATION_TIMESTAMP,ANIMAL_TYPE\n2-Beagle-2-3,1779019200,2\n"
EVENTS = "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE\nbob,2-Beagle-2-3,1779019200,view\n"
_ANIMALS = ("a-7", "a-12", "b-1")  # a file without those that are there would be refused
FEED = "id,species,breed,size,age\n" + "".join(
    f"{one},dog,Beagle,medium,adult\n" for one in _ANIMALS
)
PETFINDER = "ID,AnimalName,Type,PrimaryBreed,Sex,Size,Age,Status,NoKids\n" + "".join(
    f"{one},Rex,Dog,Beagle,M,M,Adult,A,0\n" for one in _ANIMALS
)
AVRO = {
    "type": "record",
    "name": "Items",
    "namespace": "com.amazonaws.personalize.schema",
    "version": "1.0",
    "fields": [
        {"name": "ITEM_ID", "type": "string"},
        {"name": "ANIMAL_TYPE", "type": "string", "categorical": True},
    ],
}
_GROUP = "dataset-groups create shelter-b"
_CATS = "solutions create cats --recipe user-personalization"
_TRACKER = "event-trackers create shelter-b --dataset-group shelter-b"
_FILTER = """filters create dogs-only 'INCLUDE ItemID WHERE Items.ANIMAL_TYPE IN ("2")'"""
_TEST = "live-tests create spring --second recommender-1"
_JOB = "batch-jobs create mailing recommender-1 file:///d/in.jsonl file:///d/out/ --no-wait"
# What has to be there first, beside the world; each is a command as well.
FIRST = {
    "archive mend": ["archive run"],
    "archive replay": ["archive run"],
    "archive export": ["archive run"],
    "batch-jobs delete": [_JOB.removesuffix(" --no-wait")],
    "batch-jobs show": [_JOB],
    "campaigns create": [_CATS],
    "campaigns delete": [_CATS, "campaigns create cats cats"],
    "config check": ["init"],
    "dataset-groups delete": [_GROUP],
    "dataset-groups show": [_GROUP],
    "dataset-groups update": [_GROUP],
    "dataset-groups usage": [_GROUP],
    "datasets create": [_GROUP],
    "datasets delete": [_GROUP, "datasets create Items --dataset-group shelter-b"],
    "datasets show": [_GROUP, "datasets create Items --dataset-group shelter-b"],
    "dead-letters replay": ["dead-letters mend 019362f1c0de4a7b12cd --set sessionId=s1"],
    "event-trackers create": [_GROUP],
    "event-trackers delete": [_GROUP, _TRACKER],
    "event-trackers show": [_GROUP, _TRACKER],
    "filters delete": [_FILTER],
    "filters show": [_FILTER],
    **{f"live-tests {one}": [_TEST] for one in ("pause", "promote", "show", "stop")},
    "live-tests resume": [_TEST, "live-tests pause spring"],
    "restore": ["backup backup.tar.zst"],
    "solutions create": [_GROUP],
    "solutions delete": [_CATS],
    "solutions update": [_CATS],
}
# Those that run until they are stopped, or need something else than this machine.
RUNNING = {"serve", "demo", "animals watch", "health"}
BY_PROCESSES = ("retrain", "runs watch", "runs cancel", "train")
WITH_A_BROKER = {"consume", "events send"}
# Run by test_leaving.py and test_contract.py of tests/aws/wire.
BETWEEN_TWO = {"leave", "contract"}


def examples() -> dict[str, str]:
    """The example of every command, by the command's words."""

    def of(command: Any, words: tuple[str, ...]) -> Iterator[tuple[str, str]]:
        for name, child in getattr(command, "commands", {}).items():
            if not child.hidden:
                yield from of(child, (*words, name))
        if not getattr(command, "commands", {}):
            _, _, example = (command.help or "").partition("Example: ")
            yield " ".join(words), example.strip()

    return dict(of(get_command(app), ()))


EXAMPLES = examples()


def test_every_command_has_an_example_of_itself() -> None:
    assert len(EXAMPLES) > 80
    for words, example in EXAMPLES.items():
        assert example.startswith(f"pawsonalize {words}"), words


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A service with one of everything, and what the names in examples are called in it."""
    folder = tmp_path_factory.mktemp("examples")
    settings = make_service(folder / "pawsonalize-data", train=False)
    with opened(settings) as adapters:
        names = _fill(adapters, settings)
    for name, content in (
        ("items.csv", ITEMS),
        ("interactions.csv", EVENTS),
        ("petfinder.csv", PETFINDER),
        ("items.avsc", json.dumps(AVRO)),
        ("pawsonalize-data/imports/in.jsonl", '{"userId": "ann"}\n'),
    ):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content)
    (folder / "feeds").mkdir()
    return folder, names


def _fill(adapters: Adapters, settings: Settings) -> dict[str, str]:
    now = clock.now()
    adapters.animals.put([animal("a-7"), animal("a-12", CATS[0])], T0)
    adapters.log.append([event(f"ann {n}", item=DOGS[n], at=n) for n in range(3)])
    for moment in (T0 + 1_000, T0 + 9_000):
        version = train_and_serve(adapters, moment)
        updated = adapters.campaigns.get("recommender")
        adapters.campaigns.settle(updated, now)  # as the server that serves it would
    raw = {"eventType": "view", "animalMetadata": metadata(DOGS[0])}
    letter = DeadLetter(
        HTTP,
        "pawsonalize",
        now,
        json.dumps(raw).encode(),
        code="invalid_json",
        message="sessionId is missing",
        field="sessionId",
    )
    DeadLetters(adapters.database).keep([letter])
    erased = adapters.erasing.erase_user("seed 19", "pawsonalize")
    key, _secret = adapters.access_keys.create([Scope.SITE], "", now)
    news = Notification("n", NotificationKind.TEST, "news", "text", now)
    adapters.deliveries.add([Delivery(news, "log")])
    topics = (NotificationTopic.LETTER,)
    draft = NotificationDestination(name="", address="https://hooks.example/x", topics=topics)
    destination = Destinations.of(adapters).create(draft, now)
    return {
        r"recommender-2026\d+T\d+Z-\w+": version.name,
        r"recommender-1\b": version.name,
        "019362f1c0de4a7b12cd": letter.letter_id,
        r"erasure-2026\S+": erased.erasure_id,
        "PAWSXXXXXXXXXXXXXXXX": key.name,
        "destination-0123456789": destination.name,
    }


@pytest.fixture
def place(
    world: tuple[Path, dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], str]]:
    """A copy of the world as the current folder; puts its names into an example."""
    folder, names = world
    shutil.copytree(folder, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("PAWSONALIZE_CHECK_MIN_EVENTS", "10")
    monkeypatch.setenv("PAWSONALIZE_ARCHIVE_URL", str(tmp_path / "here/pawsonalize-data/archive"))
    names = names | {
        "file:///d/in.jsonl": f"file://{tmp_path}/here/pawsonalize-data/imports/in.jsonl",
        "file:///d/out/": f"file://{tmp_path}/here/pawsonalize-data/exports/out/",
        "/srv/feeds": str(tmp_path / "here/feeds"),
        "--port 8080": f"--port {free_port()}",
    }
    with feed_server() as server:
        server.answers["/north.csv"] = Answer(FEED.encode())
        feeds = f"north:\n  url: {server.url}/north.csv\n  schedule: rate(1 day)\n"
        Path("feeds.yaml").write_text(feeds)
        monkeypatch.setenv("PAWSONALIZE_FEEDS_FILE", "feeds.yaml")

        def placed(example: str) -> str:
            for written, here in names.items():
                example = re.sub(written, here, example)
            return example.removeprefix("pawsonalize ")

        yield placed


def run(command: str) -> str:
    """Run a command to its end, as a shell would; what it prints."""
    if command.startswith(BY_PROCESSES):  # of their own, whose end a process of its own awaits
        own = forked.run(shlex.split(command))
        assert own.returncode == 0, f"{command}: {own.stdout}{own.stderr}"
        return own.stdout
    words, _, target = command.partition(" > ")
    done = CliRunner().invoke(app, shlex.split(words))
    assert done.exit_code == 0, f"{command}: {done.output}{done.exception!r}"
    if target:
        Path(target).write_bytes(done.stdout_bytes)
        return ""
    return done.stdout


def begin(words: str) -> str:
    """What an example works on that goes on by itself: a training, or a retraining."""
    settings = Settings(data_dir=Path("pawsonalize-data"))
    with opened(settings) as adapters:
        if words == "solution-versions stop":
            created = adapters.versions.create("recommender", as_of=clock.now(), now=clock.now())
            return created.name
        return adapters.runs.begin(Trigger.COMMAND, clock.now()).run_id


@pytest.mark.parametrize("words", sorted(EXAMPLES.keys() - RUNNING - WITH_A_BROKER - BETWEEN_TWO))
def test_the_example_runs(words: str, place: Callable[[str], str]) -> None:
    example = EXAMPLES[words]
    if words in {"runs show", "runs watch", "runs cancel", "solution-versions stop"}:
        name = begin(words)
        example = re.sub(r"(retrain|recommender)-2026\S+", name, example)
    if words == "ope":
        example = with_trained_version(example, place)
    for command in FIRST.get(words, []):
        run(place(command))
    if words in {"doctor", "check-integration"}:  # their exit code says that something is wrong
        CliRunner().invoke(app, shlex.split(place(example)))
        return
    printed = run(place(example))
    if words != "dead-letters show" and "filters" not in words:  # these show what was given
        assert not re.search(r"""[{[(]["']|[{[]}?\]?\s*$""", printed, re.M), "people read words"


def with_trained_version(example: str, place: Callable[[str], str]) -> str:
    """The example with the name of a version that there is."""
    listed = run(place("pawsonalize solution-versions ls --json"))
    return re.sub(r"recommender-2026\S+", re.findall(r"recommender-[\w-]+", listed)[0], example)


def has_json(words: str) -> bool:
    command: Any = get_command(app)
    for word in words.split():
        command = command.commands[word]
    return any("--json" in one.opts for one in command.params)


WITH_JSON = filter(has_json, EXAMPLES.keys() - RUNNING - WITH_A_BROKER - BETWEEN_TWO)


@pytest.mark.parametrize("words", sorted(w for w in WITH_JSON if not w.startswith(BY_PROCESSES)))
def test_the_example_prints_json_for_machines(words: str, place: Callable[[str], str]) -> None:
    example = EXAMPLES[words]
    if words in {"runs show", "solution-versions stop"}:
        example = re.sub(r"(retrain|recommender)-2026\S+", begin(words), example)
    if words == "ope":
        example = with_trained_version(example, place)
    for command in FIRST.get(words, []):
        run(place(command))
    done = CliRunner().invoke(app, [*shlex.split(place(example)), "--json"])
    lines = done.stdout.splitlines()
    assert lines if words == "events tail" else len(lines) == 1, done.output
    assert all(json.loads(line) is not ... for line in lines)


@contextmanager
def running(command: str) -> Iterator[Forked]:
    """A command that runs until it is stopped; it has to end well then."""
    with Path("stderr.txt").open("wb") as log:
        process = Forked([COMMAND, *shlex.split(command)], stderr=log)
    try:
        yield process
        process.terminate()
        assert process.wait(60) in {0, -signal.SIGTERM}, command
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("words", ["serve", "demo"])
def test_the_example_of_a_server_runs(words: str, place: Callable[[str], str]) -> None:
    command = place(EXAMPLES[words])
    port = re.findall(r"--port (\d+)", command)[0]

    def answers() -> bool:
        with suppress(OSError), urlopen(f"http://127.0.0.1:{port}/healthz") as answer:
            return bool(answer.status == 200)
        return False

    with running(command):
        wait_until(answers)
        assert '"ready"' in run(f"{EXAMPLES['health'].removeprefix('pawsonalize ')} --port {port}")
    said = Path("stderr.txt").read_text()
    assert f"on http://127.0.0.1:{port} (stop it with Ctrl-C)" in said
    assert "models:         recommender (recommender-" in said


def test_the_example_of_a_watched_folder_runs(place: Callable[[str], str]) -> None:
    command = place(EXAMPLES["animals watch"])
    folder = Path("feeds")
    with running(f"{command} --seconds 0.05"):
        (folder / "animals.csv").write_text(FEED)
        wait_until(lambda: any((folder / "taken").glob("animals.*csv")))


def test_the_examples_of_a_stream_run(place: Callable[[str], str], tmp_path: Path) -> None:
    if shutil.which("nats-server") is None:
        pytest.skip("there is no nats-server on this machine")
    port = free_port()

    def placed(words: str) -> str:
        return place(EXAMPLES[words]).replace("localhost:4222", f"127.0.0.1:{port}")

    words = ["nats-server", "-js", "-a", "127.0.0.1", "-p", str(port), "-sd", str(tmp_path / "js")]
    broker = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        run(place("pawsonalize events sample --count 20 > events.jsonl"))
        wait_until(lambda: _listens(port))
        run(placed("events send"))
        run(f"{placed('consume')} --until-caught-up")
    finally:
        broker.kill()
        broker.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
