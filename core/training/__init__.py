"""The loop: what it is asked, what it tells, and the history of both."""
