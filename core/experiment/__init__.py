"""One experiment directory on disk, with one reader and writer per file."""
