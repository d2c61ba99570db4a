"""The Textual app, the thread that trains, and the terminal it runs in."""
