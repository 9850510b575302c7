"""SASRec as RecTools trains it (with PyTorch), on the next-item task."""

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.child import required
from benchmarks.next_item_task import Scorer, Task

_LIST = 10  # the metrics read no deeper


def fit_sasrec(task: Task, seed: int) -> Scorer:
    """RecTools' own settings but for size and epochs; the first request answers them all."""
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
    pandas, dataset = required("pandas"), required("rectools.dataset")
    models, lightning = required("rectools.models"), required("pytorch_lightning")
    lightning.seed_everything(seed)
    epochs = int(os.environ.get("PAWSONALIZE_SASREC_EPOCHS", "20"))
    model = models.SASRecModel(
        n_factors=128, session_max_len=50, epochs=epochs, loss="softmax", verbose=0
    )
    before = np.zeros(len(task.train), bool)
    for target in task.target.tolist():
        before[task.data.start[task.data.user[target]] : target] = True
    model.fit(dataset.Dataset.construct(_frame(pandas, task, task.train)))
    known = set(np.unique(task.data.item[task.train]).tolist())
    context = before & np.isin(task.data.item, list(known))
    asked = dataset.Dataset.construct(_frame(pandas, task, context))
    lists: dict[int, list[int]] = {}

    def scores(target: int) -> NDArray[np.floating]:
        if not lists:
            lists.update(_lists(model, asked, np.unique(task.data.user[context])))
        answer = np.full(task.data.n_items, -np.inf)
        listed = lists.get(int(task.data.user[target]), [])
        answer[listed] = -np.arange(len(listed))
        return answer

    return scores


def _frame(pandas: Any, task: Task, rows: NDArray[np.bool_]) -> Any:
    """RecTools' form; a row's number is its time, which keeps the order of equal moments."""
    return pandas.DataFrame(
        {
            "user_id": task.data.user[rows],
            "item_id": task.data.item[rows],
            "weight": 1.0,
            "datetime": pandas.to_datetime(np.flatnonzero(rows), unit="s"),
        }
    )


def _lists(model: Any, asked: Any, users: NDArray[np.int32]) -> dict[int, list[int]]:
    answer = model.recommend(
        users, asked, k=_LIST, filter_viewed=True, on_unsupported_targets="ignore"
    )
    ordered = answer.sort_values(["user_id", "rank"])
    return {int(user): rows["item_id"].tolist() for user, rows in ordered.groupby("user_id")}
