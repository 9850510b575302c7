"""Commands of `pawsonalize`, forked from a process that has imported what they need.

The imports of a command take 1.7 s of CPU, a fork takes milliseconds. In all else a forked command
is a process like any other: it is a child of the tests, and signals, exit codes, pipes, folder,
environment and umask are its own. /proc alone has other words and variables for it, so `running`
has those.
"""

import ctypes
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from inspect import signature
from pathlib import Path
from typing import Any, TextIO

COMMAND = str(Path(sys.executable).parent / "pawsonalize")
_ROOT = Path(__file__).parents[1]
_PATH = os.environ.get("PYTHONPATH")
_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of prctl(2)
_LARGEST = 1 << 20
_IMPORTED = (
    "pawsonalize.app.asgi",
    "pawsonalize.app.cli.main",
    "uvicorn.lifespan.on",
    "uvicorn.loops.auto",
    "uvicorn.protocols.http.httptools_impl",
    "uvicorn.supervisors",
)
_EXECUTE = signature(subprocess.Popen._execute_child)  # type: ignore[attr-defined]
_started: list["Forked"] = []


class Forked(subprocess.Popen[Any]):
    """A `subprocess.Popen` of `COMMAND`, which begins by a fork."""

    words: Sequence[str]
    variables: Mapping[str, str]

    def _execute_child(self, *given: Any) -> None:
        asked = _EXECUTE.bind(self, *given).arguments
        words = self.words = [os.fspath(one) for one in asked["args"]]
        self.variables = dict(asked["env"] or os.environ)
        if not _forks(words[0], self.variables):
            super()._execute_child(*given)  # type: ignore[misc]
            return
        pipes = {name: asked[name] for name in _EXECUTE.parameters if name in _PIPES}
        ends = (pipes["p2cread"], pipes["c2pwrite"], pipes["errwrite"])
        order = {
            "words": words,
            "folder": os.fspath(asked["cwd"] or Path.cwd()),
            "variables": self.variables,
            "umask": _umask(),
            "session": asked["start_new_session"],
        }
        self.pid = _parent().start(order, [n if end == -1 else end for n, end in enumerate(ends)])
        self._child_created = True
        self._close_pipe_fds(*pipes.values())  # type: ignore[attr-defined]
        _started.append(self)


_PIPES = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")


def run(
    arguments: Sequence[str], timeout: float | None = None, **more: Any
) -> "subprocess.CompletedProcess[str]":
    """Run `pawsonalize` to its end, as `subprocess.run` does, and return what it printed."""
    pipe = subprocess.PIPE
    words = [COMMAND, *arguments]
    with Forked(words, stdout=pipe, stderr=pipe, text=True, **more) as process:
        try:
            printed, errors = process.communicate(timeout=timeout)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(words, process.returncode, printed, errors)


def running() -> Iterator[Forked]:
    """Forked commands that have not ended."""
    _started[:] = [one for one in _started if one.poll() is None]
    yield from _started


def _forks(program: str, variables: Mapping[str, str]) -> bool:
    """True if the program is ours, and would import what the parent has imported."""
    same_path = variables.get("PYTHONPATH") == _PATH
    return sys.platform == "linux" and program == COMMAND and same_path


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


class _Parent:
    """The process that has imported everything, and forks."""

    def __init__(self) -> None:
        self._channel, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._lock = threading.Lock()
        with other:
            words = [sys.executable, "-m", "tests.forked", str(other.fileno())]
            self._process = subprocess.Popen(words, cwd=_ROOT, pass_fds=(other.fileno(),))

    def start(self, order: Mapping[str, Any], streams: Sequence[int]) -> int:
        """Start a command with these files as its standard streams; return its process id.

        The fork of a fork is adopted by the nearest ancestor that says so: by us.
        """
        with self._lock:
            ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
            try:
                socket.send_fds(self._channel, [json.dumps(order).encode()], streams)
                return int(self._channel.recv(_LARGEST))
            finally:
                ctypes.CDLL(None).prctl(_SUBREAPER, 0, 0, 0, 0)


@cache
def _parent() -> _Parent:
    """One for all commands of this process; it ends with it."""
    return _Parent()


def _forked(channel: socket.socket) -> bool:
    """Fork for each order; return True in a fork, once it is what was ordered, and False at last.

    The process between parent and fork ends at once, so that the fork is adopted.
    """
    while True:
        message, streams, _, _ = socket.recv_fds(channel, _LARGEST, 3)
        if not message:
            return False
        reading, writing = os.pipe()
        if not (between := os.fork()):
            if os.fork():
                os._exit(0)
            _become(json.loads(message), streams)
            os.write(writing, str(os.getpid()).encode())
            for one in (reading, writing, channel.detach()):
                os.close(one)
            return True
        os.waitpid(between, 0)
        os.close(writing)
        channel.send(os.read(reading, 99))
        for one in (*streams, reading):
            os.close(one)


def _become(order: Mapping[str, Any], streams: Sequence[int]) -> None:
    """Make of this process what a new one would be, but for its imports."""
    if order["session"]:
        os.setsid()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(order["folder"])
    os.umask(order["umask"])
    os.environ.clear()
    os.environ.update(order["variables"])
    time.tzset()
    tempfile.tempdir = None
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.stdin, sys.stdout, sys.stderr = _streams()
    sys.argv = order["words"]
    sys.path[0] = str(Path(COMMAND).parent)


def _streams() -> tuple[TextIO, TextIO, TextIO]:
    """The standard streams as a new process makes them: what they buffer depends on the files."""
    errors = open(2, "w", 1, errors="backslashreplace", closefd=False)  # noqa: SIM115
    return open(0, closefd=False), open(1, "w", closefd=False), errors


def _import_all() -> None:
    """Import what commands and servers do, which wait for no disk: tests kill them, no power."""
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # as they do
    for module in _IMPORTED:
        importlib.import_module(module)
    vars(os)["fsync"] = lambda _: None
    database: Any = importlib.import_module("pawsonalize.core.database.database")
    database.SQLITE_PRAGMAS = (*database.SQLITE_PRAGMAS, "PRAGMA synchronous=OFF")
    gc.collect()
    gc.freeze()
    (_only,) = Path("/proc/self/task").iterdir()  # a fork has no other thread


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the tests end it by their own end
    _import_all()
    if _forked(socket.socket(fileno=int(sys.argv[1]))):
        runpy.run_path(COMMAND, run_name="__main__")
