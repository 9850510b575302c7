"""Commands about models: training, evaluation, retraining runs."""
