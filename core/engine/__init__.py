"""Arrays to gradient steps: full-batch passes over blocks of rows, on a processor or a GPU."""
