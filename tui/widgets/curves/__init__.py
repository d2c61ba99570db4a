"""Tab 1: loss and accuracy curves."""
