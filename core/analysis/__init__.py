"""Analysis of rows and parameters: diagnoses, advice, comparisons, curves."""
