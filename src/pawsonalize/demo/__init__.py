"""A believable adoption world, made from a seed."""
