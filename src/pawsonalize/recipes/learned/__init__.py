"""Learning the order of candidates from the log itself: signals, features, a ranker.

A request gives dense signals over the catalogue (`signals`), their fixed blend the candidates
(`features`), and what was learned from cut-off histories (`samples`, `ranker`) their order.
One path, `features`, serves training, evaluation and serving.
"""
