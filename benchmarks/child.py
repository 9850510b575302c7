"""A measurement in a process of its own, so that neither memory nor caches are another's."""

import importlib
import json
import os
import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


class Missing(Exception):
    """A peer that is not installed, or cannot be run here; the text says why."""


def required(module: str) -> ModuleType:
    """The module, which no part of the product needs; Missing says how to get it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise Missing(f"{package} is not installed ({error}); see `--help`") from error


def run_child(
    module: str, arguments: Sequence[str], python: str = sys.executable, *, is_ours: bool = True
) -> Any:
    """Run `python -m module arguments` and read the JSON of its last line of output.

    The other interpreter needs no Pawsonalize: it reads the code of this checkout. What is ours
    does linear algebra in one thread, as every command of ours.
    """
    paths = os.pathsep.join((str(ROOT), str(ROOT / "src")))
    environment = {**os.environ, "PYTHONPATH": paths}
    if is_ours:
        environment.setdefault("OPENBLAS_NUM_THREADS", "1")
    done = subprocess.run(
        [python, "-m", module, *arguments],
        check=False,
        capture_output=True,
        text=True,
        env=environment,
    )
    if done.returncode:
        raise SystemExit(f"{module} {' '.join(arguments)} failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def peak_megabytes() -> float:
    """The most memory this process has held so far.

    Linux hands `ru_maxrss` on from the parent, so there the kernel's own mark is read.
    """
    status = Path("/proc/self/status")
    if status.exists():
        marks = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
        return int(marks[0].split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
