"""Estimators of a policy's mean reward from another's log.

Each returns a value for every row, shape (rows,): their mean is the estimate, and how they vary
is how far it can be trusted. w = target / logged, r the reward, q the reward model.
"""

import numpy as np
from numpy.typing import NDArray

from pawsonalize.evaluation.off_policy.choices import Choices, Predictions

Values = NDArray[np.float64]


def inverse_propensity(choices: Choices) -> Values:
    """IPS: mean of w r. Unbiased where everything the target shows may be shown; varies most.

    Source: Horvitz & Thompson, "A Generalization of Sampling Without Replacement from a Finite
    Universe", JASA 1952; for policies: Strehl et al., NeurIPS 2010.
    """
    return choices.weights * choices.reward


def self_normalised(choices: Choices) -> Values:
    """SNIPS: Σ w r / Σ w, always within the rewards' range, and not moved by a shift of them.

    Biased by what vanishes with the rows. The values are linearised: v + w (r - v) / mean w.
    Source: Swaminathan & Joachims, "The Self-Normalized Estimator for Counterfactual Learning",
    NeurIPS 2015. Without any weight nothing is known and the values are NaN.
    """
    return _normalised(choices.weights, choices.reward)


def doubly_robust(choices: Choices, predictions: Predictions) -> Values:
    """DR: mean of E q + w (r - q). Unbiased like IPS, and varies only by what q gets wrong.

    Source: Dudík, Langford & Li, "Doubly Robust Policy Evaluation and Learning", ICML 2011.
    """
    missed = choices.reward - predictions.chosen
    return predictions.expected + choices.weights * missed


def self_normalised_doubly_robust(choices: Choices, predictions: Predictions) -> Values:
    """SNDR: mean of E q, plus Σ w (r - q) / Σ w; the values are linearised as those of SNIPS.

    Source: Thomas & Brunskill, "Data-Efficient Off-Policy Policy Evaluation for Reinforcement
    Learning", ICML 2016 (their weighted doubly robust estimator, of one step).
    """
    missed = choices.reward - predictions.chosen
    return predictions.expected + _normalised(choices.weights, missed)


def _normalised(weights: Values, gains: Values) -> Values:
    total = float(weights.sum())
    if total == 0:
        return np.full(len(weights), np.nan)
    mean = float(weights @ gains) / total
    return mean + weights * (gains - mean) * (len(weights) / total)
