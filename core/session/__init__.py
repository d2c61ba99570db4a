"""A training with its directory: start, resume, watch, stop, many processes."""
