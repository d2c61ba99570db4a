"""The written comparison of both heads."""
