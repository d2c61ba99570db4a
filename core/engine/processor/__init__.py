"""Passes on a processor over values that are mostly zero, by kernels that Numba compiles."""
