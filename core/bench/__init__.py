"""The benchmark: the engine beside a plain PyTorch loop."""
