"""What all tests share: databases to run on, and an AWS to talk to."""

import gc
import logging
import os
import re
import shutil
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from sqlalchemy import create_engine, text

from pawsonalize.core.logs import structlog  # without Rich, whose tracebacks take seconds
from tests.nightly import Recorder
from tests.reused_database import ReusedDatabase

if TYPE_CHECKING:
    from pawsonalize.core.database.database import Database
    from pawsonalize.core.work.leases import Leases

# Fixtures of one database with its tables, and of one service.
pytest_plugins = ["tests.fixtures", "tests.http_fixtures"]

# Set before anything reads them, and for the hundreds of processes that tests start as well.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # what the first one compiles serves all others
sys.dont_write_bytecode = False
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as `serve` does
os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # a core that only waits is another test's

# The same examples on every machine, and no limit that a busy one would break.
settings.register_profile(
    "nightly", max_examples=200, deadline=None, derandomize=True, print_blob=True
)
settings.register_profile("steady", settings.get_profile("nightly"), max_examples=30)
settings.load_profile("steady")

# Tests of these start processes, servers or browsers: `make test-all` runs them. What takes long
# comes first, so that what is left for the end is short on every core.
_REAL = (
    "deploy/test_container_image",
    "e2e/test_retraining",
    "e2e/",
    "benchmarks/test_every_benchmark",
    "browser/",
    "aws/wire/",
    "plugins/remote_amazon/",
    "deploy/",
    "release/",
    "plugins/streams/brokers/",
    "adapters/test_counting_on_spark",
    "adapters/test_frozen_postgres",
)

_TESTS = Path(__file__).parent
# What files have whose tests run on a PostgreSQL too, or are marked.
_POSTGRES = re.compile(r"mark\.real|database_url|postgres|adapters\.conftest")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--record-nightly", action="store_true", help="write what comes of nightly tests"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Record in one process, which hears of the tests of all others."""
    if config.option.record_nightly and not hasattr(config, "workerinput"):
        is_whole = config.args == config.getini("testpaths")
        config.pluginmanager.register(Recorder(is_whole=is_whole))


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Import none of them where none is wanted, and no others where they alone are: it is slow."""
    wanted = config.option.markexpr
    if "not real" in wanted and _place(collection_path) < len(_REAL):
        return True
    if wanted.startswith("real") and collection_path.is_file():
        return None if _may_be_real(collection_path) else True
    return None


def _may_be_real(path: Path) -> bool:
    """True unless neither the file nor a conftest.py beside or above it leads to a PostgreSQL."""
    own = [folder / "conftest.py" for folder in path.parents if _TESTS in folder.parents]
    return _place(path) < len(_REAL) or any(map(_leads_to_postgres, (path, *own)))


@cache
def _leads_to_postgres(path: Path) -> bool:
    return path.exists() and _POSTGRES.search(path.read_text(encoding="utf-8")) is not None


def _place(path: Path) -> int:
    name = os.path.relpath(path, _TESTS)
    return next((n for n, one in enumerate(_REAL) if f"{name}/".startswith(one)), len(_REAL))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long; otherwise the order stays."""
    for item in items:
        if _place(item.path) < len(_REAL):
            item.add_marker("real")
        elif item.get_closest_marker("real") and not _may_be_real(item.path):
            raise pytest.UsageError(
                f"{item.nodeid} is real, and `make test-all` would not find it: import its fixtures"
                f" by a name that {_POSTGRES.pattern} finds, or add to that"
            )
    items.sort(key=lambda item: _place(item.path))


def pytest_collection_finish() -> None:
    """Look for garbage less often, and not among modules and tests: a seventh of all CPU time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)


_END_SECONDS = 30  # on a busy machine
POSTGRES_VARIABLE = "PAWSONALIZE_TEST_POSTGRES_URL"


@pytest.fixture(autouse=True)
def logs_aside() -> None:
    """Services of this process live beside other tests, which read what they print."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.__stderr__))
    for handler in logging.root.handlers[:]:  # of a service that began in what is captured no more
        if getattr(getattr(handler, "stream", None), "closed", False):
            logging.root.removeHandler(handler)


@pytest.fixture(autouse=True, scope="module")
def no_thread_outlives_its_file(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail the last test of a file whose services leave a thread running."""
    find = request._fixturemanager.getfixturedefs
    services = [one for name in ("client", "address") for one in (find(name, request.node) or ())]
    of_run = any(one.scope == "session" for one in services)  # one service for several files
    with nullcontext() if of_run else _threads_ending(_is_ours):
        yield


@pytest.fixture(autouse=True)
def no_thread_outlives_its_test(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail the test that leaves a thread running, which would log into the output of the next."""
    fixtures = request.node._fixtureinfo.name2fixturedefs
    of_files = [one for one, found in fixtures.items() if found[-1].scope in {"class", "module"}]
    alone = of_files == [no_thread_outlives_its_file.__name__]
    with _threads_ending(_is_of_code) if alone else nullcontext():
        yield


@contextmanager
def _threads_ending(is_ours: Callable[[threading.Thread], bool]) -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    if any(map(is_ours, before)):  # a service that lives longer, which may start more at any time
        return
    ends = time.monotonic() + _END_SECONDS
    for thread in filter(is_ours, set(threading.enumerate()) - before):
        thread.join(max(0, ends - time.monotonic()))
        if thread.is_alive():
            pytest.fail(f"a thread goes on: {thread} of {getattr(thread, '_target', None)}")


def _is_ours(thread: threading.Thread) -> bool:
    """True unless a library keeps it for the next task, or for a server of the whole run."""
    in_pool = _module_of(thread) == "concurrent.futures.thread"
    return (in_pool and not thread.name.startswith("asyncio_")) or _is_of_code(thread)


def _is_of_code(thread: threading.Thread) -> bool:
    """True if it runs our code alone; a service of the whole file fills its pools at any time."""
    return _module_of(thread).startswith(("pawsonalize", "tests", "uvicorn"))


def _module_of(thread: threading.Thread) -> str:
    return getattr(getattr(thread, "_target", None), "__module__", None) or ""


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    """Restore what services of this process change: others may read new files of a test."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture(autouse=True, scope="session")
def served_pragmas() -> Iterator[tuple[str, ...]]:
    """What SQLite is told in a service; here nothing waits for disks, as no power is cut.

    Nor do commands of `tests.forked`; other processes that tests start do.
    """
    from pawsonalize.core.database import database

    served = database.SQLITE_PRAGMAS
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        patch.setattr(database, "SQLITE_PRAGMAS", (*served, "PRAGMA synchronous=OFF"))
        yield served


@pytest.fixture(autouse=True, scope="session")
def longest_wait() -> Iterator[float]:
    """Seconds that a report waits at most for those before it; in services of this process, 0."""
    from pawsonalize.operations import limits

    served = limits._LONGEST_WAIT
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "_LONGEST_WAIT", 0.0)
        yield served


@pytest.fixture(scope="session", autouse=True)
def sqlite_template(
    tmp_path_factory: pytest.TempPathFactory, served_pragmas: tuple[str, ...]
) -> Iterator[None]:
    """What makes a new SQLite file in this process begins with a copy of one that is migrated."""
    from pawsonalize.core.database.database import Database, has_log

    template = tmp_path_factory.mktemp("template") / "migrated.sqlite3"
    Database(f"sqlite:///{template}").close()
    opening = Database._open

    def open_copy(database: Database, must_exist: bool) -> None:
        file = database.file
        is_new = file is not None and not file.exists() and not has_log(file)
        if file is not None and is_new and not must_exist and file.parent.is_dir():
            shutil.copyfile(template, file)
        opening(database, must_exist)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Database, "_open", open_copy)
        yield


@pytest.fixture(scope="session")
def postgres() -> Iterator[Callable[..., AbstractContextManager[str]]]:
    """Makes PostgreSQL databases, empty or as copies of a template, and drops them afterwards."""
    server = os.environ.get(POSTGRES_VARIABLE)
    if not server:
        pytest.skip(f"no PostgreSQL here: set {POSTGRES_VARIABLE} (.ci/run starts one)")
    admin = create_engine(
        server.replace("postgresql://", "postgresql+psycopg://", 1), isolation_level="AUTOCOMMIT"
    )

    @contextmanager
    def made(template: str = "template1") -> Iterator[str]:
        name = f"test_{uuid.uuid4().hex}"
        with admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
            yield server.rsplit("/", 1)[0] + f"/{name}"
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))

    yield made
    admin.dispose()


@pytest.fixture(scope="session")
def postgres_template(postgres: Callable[..., AbstractContextManager[str]]) -> Iterator[str]:
    """The name of a migrated PostgreSQL database to copy."""
    from pawsonalize.core.database.database import Database

    with postgres() as url:
        Database(url).close()
        yield url.rpartition("/")[2]


@pytest.fixture(scope="session")
def renewed_postgres(
    postgres: Callable[..., AbstractContextManager[str]], postgres_template: str
) -> Iterator[Callable[[], str]]:
    """The URL of a migrated PostgreSQL database, as new for each test that calls it."""
    with ExitStack() as stack:
        made: list[ReusedDatabase] = []

        def renewed() -> str:
            if not made or not made[-1].renew():
                made.append(ReusedDatabase(stack.enter_context(postgres(postgres_template))))
            return made[-1].url

        yield renewed


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.real)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A migrated database of each kind, without a row."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'pawsonalize.sqlite3'}"
    url: str = request.getfixturevalue("renewed_postgres")()
    return url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.real)])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of each kind without a table."""
    if request.param == "sqlite":
        (tmp_path / "pawsonalize.sqlite3").touch()
        yield f"sqlite:///{tmp_path / 'pawsonalize.sqlite3'}"
        return
    with request.getfixturevalue("postgres")() as url:
        yield url


@pytest.fixture(scope="session")
def aws_url() -> Iterator[str]:
    """An AWS of our own, for all but Amazon Personalize."""
    from moto.server import ThreadedMotoServer  # most tests need none, and it is slow to import

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    yield f"http://127.0.0.1:{port}"
    server.stop()


@pytest.fixture
def aws(aws_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets every AWS client of this process talk to moto's server."""
    for name, value in {
        "AWS_ENDPOINT_URL": aws_url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def leases(database: "Database", tmp_path: Path) -> Iterator["Leases"]:
    """Those of one process of this machine."""
    from pawsonalize.core.work.leases import Leases
    from pawsonalize.core.work.tables import WorkTable

    leases = Leases(WorkTable(database), tmp_path / "leases")
    yield leases
    leases.close()
