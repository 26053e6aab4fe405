"""Prediction: a model over images of any size, with what it is unsure about."""
