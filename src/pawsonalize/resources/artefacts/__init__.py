"""Trained models and what is kept beside them: arrays and a card, whole or not at all."""
