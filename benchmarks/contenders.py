"""The models of the next-item benchmark by name; each one's libraries are imported when it runs."""

from collections.abc import Callable, Mapping

from benchmarks.next_item_task import Scorer, Task

Fit = Callable[[Task, int], Scorer]
OURS = ("default", "mixture", "trees", "linear", "transitions")
PEERS = ("popularity", "item-knn", "ease", "als", "bpr", "sasrec")
CONTROL = "default, order shuffled"
SAME_FOR_EVERY_SEED = ("popularity", "item-knn", "ease")


def fit_named(name: str) -> Fit:
    """How to fit that model."""
    if name == CONTROL:
        return lambda task, seed: fit_named("default")(task.shuffled(seed), seed)
    if name in OURS:
        from benchmarks.ours import fit_ours  # noqa: PLC0415 - a peer must not pay for ours

        return fit_ours(name)
    if name == "sasrec":
        from benchmarks.sasrec import fit_sasrec  # noqa: PLC0415 - runs in another environment

        return fit_sasrec
    from benchmarks import peers  # noqa: PLC0415 - ours must not pay for peers

    fits: Mapping[str, Fit] = {
        "popularity": peers.fit_popularity,
        "item-knn": peers.fit_item_knn,
        "ease": peers.fit_ease,
        "als": peers.fit_als,
        "bpr": peers.fit_bpr,
    }
    return fits[name]
