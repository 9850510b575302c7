"""How good a recommender is: splits, metrics, intervals and controls, on arrays alone."""
