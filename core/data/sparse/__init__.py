"""Inputs that are mostly zero, kept as the values that are not, and the files that hold them so."""
