"""Writes ranx.json: what ranx says of rankings that a seed draws. Needs `pip install ranx`.

python tests/models/evaluation/record_ranx.py
"""

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

K = 10
RECORDED = Path(__file__).with_name("ranx.json")


def drawn() -> list[tuple[NDArray[np.float64], NDArray[np.int64]]]:
    """Scores of 40 candidates and the right ones, for 50 questions."""
    dice = np.random.default_rng(7)
    return [
        (dice.permutation(40) / 40, dice.choice(40, 1 + question % 12, replace=False))
        for question in range(50)
    ]


def main() -> None:
    from ranx import Qrels, Run, evaluate

    names = [f"{name}@{K}" for name in ("ndcg", "mrr", "precision", "recall", "hit_rate")]
    right = {f"q{q:02}": {f"i{t}": 1 for t in targets} for q, (_, targets) in enumerate(drawn())}
    scored = {
        f"q{q:02}": {f"i{i}": float(score) for i, score in enumerate(scores)}
        for q, (scores, _) in enumerate(drawn())
    }
    found = evaluate(Qrels(right), Run(scored), names, return_mean=False)
    RECORDED.write_text(json.dumps({name: found[name].tolist() for name in names}, indent=1) + "\n")


if __name__ == "__main__":
    main()
