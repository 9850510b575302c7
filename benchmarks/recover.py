"""What the model of choices learns of pages that were drawn from known numbers.

    python -m benchmarks.recover [--cases "pages of 40"] [--seeds 1 2] [--share 0.25]
                                 [--jobs 2] [--json]

Each case of `benchmarks.recovery.cases` is drawn and stored as the service stores answers and
events, and learned as a training learns. Each weight, the attention of each fifth place, and each
variance stands beside its truth, with its error in standard errors: of weights and attention by a
sandwich over visitors (`benchmarks.recovery.errors`) and by how much visitors differ, which is
learned as well; of the variance of animals by the information of all variances; of variances among
visitors by leaving out a part of the visitors at a time. `slope` is the size of the gradient at
the end as a share of that at the start.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import msgspec
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a file too

from benchmarks.recovery.cases import CASES, Case
from benchmarks.recovery.draw import Truth
from benchmarks.recovery.errors import standard_errors
from pawsonalize.app.adapters import opened
from pawsonalize.app.settings import load_settings
from pawsonalize.models.recipes.choices.effects import ANIMAL, Effects, usual_attention
from pawsonalize.models.recipes.choices.fit import fit_effects
from pawsonalize.models.recipes.choices.model import choice_effects, fit_choices
from pawsonalize.models.recipes.choices.own_effects import DISTANCE, KINDS
from pawsonalize.models.recipes.choices.picks import AnsweredBoard, fit_picks
from pawsonalize.models.recipes.choices.visitor_variances import VisitorPairs
from pawsonalize.train.shown import read_boards, read_pages

_LEAST = 0.01
_PARTS = 40  # of the visitors or boards, each left out once; of few, the errors vary a lot


class Learned(msgspec.Struct):
    """One number: the truth, what was learned, and the standard error."""

    what: str
    truth: float
    learned: float
    error: float

    @property
    def off(self) -> float:
        """The error in standard errors."""
        return (self.learned - self.truth) / max(self.error, 1e-9)


class Result(msgspec.Struct):
    """A case of one seed."""

    case: str
    seed: int
    rows: int
    opened: int
    steps: int
    slope: float
    seconds: float
    numbers: list[Learned]


def recover(name: str, seed: int, share: float = 1.0) -> Result:
    """Draw the case, learn from it, and hold both together."""
    case = smaller(CASES[name], share)
    with (
        tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as at,
        opened(load_settings({"data_dir": Path(at)})) as adapters,
    ):
        # Each case has animals and visitors of its own.
        truth = Truth(case, 1_000 * seed + list(CASES).index(name))
        truth.store(adapters)
        read = read_pages(adapters.impressions, adapters.log, adapters.animals, adapters.log.head())
        assert read is not None, "there are pages"
        shown, names = read.shown, read.names
        began = time.process_time()
        model = fit_choices(shown, names, case.pages)
        seconds = time.process_time() - began
        pairs = VisitorPairs(shown)
        found = choice_effects(shown, pairs)
        boards = read_boards(
            model, adapters.impressions, adapters.log, adapters.animals, adapters.log.head()
        )
    learns = model.attention_learned
    errors = standard_errors(shown, found, learns_attention=learns)
    among, doubt = _among_visitors(pairs, found, case)
    # The same fit, had visitors been found to differ by one standard error more.
    other = fit_effects(
        shown,
        shown.opened,
        usual_attention(),
        start=found,
        learn_attention=learns,
        unexplained=found.unexplained + doubt,
    )
    numbers = [
        Learned(
            weight,
            real,
            found.weights[weight],
            float(np.hypot(errors.weights[weight], other.weights[weight] - found.weights[weight])),
        )
        for weight, real in truth.weights.items()
        # What is known of visitors takes places for looked at each by itself.
        if weight != "visitor" or not case.goes_on
    ]
    if learns:
        numbers += [
            Learned(f"attention {place + 1}", real, looks, looks * errors.attention[place])
            for place, (real, looks) in enumerate(
                zip(truth.attention, found.attention, strict=False)
            )
            if place in {1, *range(3, case.page, 5)}
        ]
    own = found.variances[ANIMAL]
    error = float(np.hypot(own * errors.own, other.variances[ANIMAL] - own))
    numbers.append(Learned("variance of animals", truth.hidden, own, error))
    numbers += among
    numbers += _picks(boards, case)
    return Result(
        name, seed, len(shown), int(shown.opened.sum()), found.steps, found.slope, seconds, numbers
    )


def _among_visitors(pairs: VisitorPairs, found: Effects, case: Case) -> tuple[list[Learned], float]:
    """Variances among visitors, and the standard error of their sum."""
    whole, left = pairs.learn(found)
    visitor = pairs.rows.visitor
    of_row = np.random.default_rng(0).integers(_PARTS, size=int(visitor.max()) + 1)[visitor]
    # A variance is never learned to be below 0, which would hide how much it is moved by chance.
    others = np.array(
        [pairs.solve(left.only(of_row != one), whole, signed=True) for one in range(_PARTS)]
    )
    errors, doubt = (
        np.sqrt((_PARTS - 1) * np.var(one, axis=0)) for one in (others, pairs.sums(others))
    )
    numbers = [
        Learned(f"variance among visitors, {kind}", case.variances[kind], learned, max(error, 0.02))
        for kind, learned, error in zip(KINDS, whole.tolist(), errors.tolist(), strict=True)
        if kind != DISTANCE
    ]
    return numbers, float(doubt)


def _picks(boards: Sequence[AnsweredBoard], case: Case) -> Iterator[Learned]:
    """The scale of picks if one was learned, with its error by leaving out parts of the boards."""
    spreads = [max(case.variances[kind], _LEAST) for kind in KINDS[1:]]
    size = max(1, len(boards) // _PARTS)
    some = [boards, *([*boards[:at], *boards[at + size :]] for at in range(0, len(boards), size))]
    found = [fit_picks(one, case.eager**2, spreads) for one in some]
    scales = [one.picks.scale for one in found if one is not None]
    if len(scales) == len(some) > 1:
        error = float(np.sqrt((len(scales) - 2) * np.var(scales[1:])))
        yield Learned("scale of picks", case.picks, scales[0], error)


def smaller(case: Case, share: float) -> Case:
    """The same with so many of its pages: for tests."""
    return replace(case, pages=max(600, round(case.pages * share)))


def main(arguments: Sequence[str]) -> None:
    """Run the cases, and print their tables, or JSON."""
    parser = argparse.ArgumentParser(
        "benchmarks.recover",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1])
    parser.add_argument("--share", type=float, default=1.0, help="of the pages")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    runs = [(name, seed) for name in options.cases for seed in options.seeds]
    with ProcessPoolExecutor(options.jobs, get_context("spawn")) as pool:
        waiting = [pool.submit(recover, name, seed, options.share) for name, seed in runs]
        results = []
        for run in waiting:
            results.append(run.result())
            if not options.json:
                _print(results[-1])
    if options.json:
        print(json.dumps({"results": [row for result in results for row in _rows(result)]}))
    else:
        _print_summary(results)


def _rows(result: Result) -> Iterator[dict[str, object]]:
    for one in result.numbers:
        yield {
            "case": result.case,
            "seed": result.seed,
            "what": one.what,
            "true": round(one.truth, 4),
            "learned": round(one.learned, 4),
            "error": round(one.error, 4),
            "off": round(one.off, 2),
        }


def _print(result: Result) -> None:
    print(
        f"\n{result.case}, seed {result.seed}: {result.rows} places, {result.opened} opened,"
        f" {result.steps} steps, slope {result.slope:.0e}, {result.seconds:.1f} s"
    )
    for one in result.numbers:
        mark = "  <--" if abs(one.off) > 2 else ""
        print(
            f"  {one.what:34s} true {one.truth:6.3f}  learned {one.learned:6.3f}"
            f" ± {one.error:5.3f}  off {one.off:+5.1f}{mark}",
            flush=True,
        )


def _print_summary(results: Sequence[Result]) -> None:
    """How many numbers are off, of each kind and together."""
    off = [abs(one.off) for result in results for one in result.numbers]
    print(
        f"\n{len(off)} numbers of {len(results)} cases:"
        f" {np.mean(np.array(off) > 2):.1%} off by more than 2 standard errors,"
        f" {int((np.array(off) > 4).sum())} by more than 4;"
        f" largest gradient at the end {max(result.slope for result in results):.0e} of the start's"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
