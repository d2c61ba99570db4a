"""Tab 5: an explanation of the selected run, with advice."""
