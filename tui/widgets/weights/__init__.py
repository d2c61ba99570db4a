"""Tab 2: the weights as pictures."""
