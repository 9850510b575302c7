"""Pages drawn from known numbers, and how near the model of choices comes to them."""
