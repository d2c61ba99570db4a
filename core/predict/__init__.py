"""Classification of a user's own pictures."""
