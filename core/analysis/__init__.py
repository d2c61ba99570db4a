"""What the rows and parameters say: diagnoses, advice, comparisons, curves."""
