"""What a tuning found, in one line."""

from pawsonalize.engine.resources.solutions import Tuned


def tuned_line(tuned: Tuned) -> str:
    """How many trials ran, what was gained on visitors that chose nothing, and the settings."""
    line = f"tuned in {len(tuned.trials)} trials: {tuned.note}"
    if tuned.settings:
        assert tuned.given_ndcg_at_10 is not None
        assert tuned.best_ndcg_at_10 is not None
        values = ", ".join(f"{name}={value:.4g}" for name, value in tuned.settings.items())
        line += f" (NDCG@10 {tuned.given_ndcg_at_10:.4f} -> {tuned.best_ndcg_at_10:.4f}): {values}"
    return line
