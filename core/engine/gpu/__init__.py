"""Ways to train on a CUDA GPU, for the engine; nothing of them is used elsewhere."""
