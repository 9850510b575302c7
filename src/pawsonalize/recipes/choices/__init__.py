"""A generalised linear mixed model of choices: what makes a visitor open an animal, and ask for it.

    log-odds to open, once looked at = common effects + the animal's own + the visitor's own

So mix marketplaces of unique offers (GLMix: Zhang et al., KDD 2016). Each kind of effect is shrunk
towards 0 by a variance that is learned. The model is of pages: what was shown and not chosen counts
as much as what was.
"""
