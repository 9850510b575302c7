"""A mixed model of choices (GLMix: Zhang et al., KDD 2016): what visitors open and ask about."""
