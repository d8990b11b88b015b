"""Weights: self-supervised pretraining, the random baseline, and the folder in which a model is handed on."""
