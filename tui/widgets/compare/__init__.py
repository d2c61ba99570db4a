"""Tab 4: all runs in one table."""
