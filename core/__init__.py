"""Training of logistic regression, headless: nothing in here knows a screen."""
