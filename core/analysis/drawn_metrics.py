"""The measures that are drawn over the epochs, and which of their values count: constants alone."""

from __future__ import annotations

LOSS, ACCURACY = "loss", "accuracy"
METRIC_COLUMNS = {LOSS: ("train_loss", "test_loss"), ACCURACY: ("train_accuracy", "test_accuracy")}
"""The columns of each in metrics.csv, train and test."""
TITLES = {LOSS: ("Loss Comparison", "Loss Value"), ACCURACY: ("Accuracy Comparison", "Accuracy")}
"""Title of a figure and name of its y axis."""
LARGEST = 1e300
"""Values beyond it count as infinite: limits around them would overflow."""
SMALLEST = 1e-300
"""The smallest value with a place on a logarithmic axis."""
CEILING = 4.0
"""Losses of a diverged run count up to this many times the largest first loss of the others: beyond,
they would press every other curve flat."""
