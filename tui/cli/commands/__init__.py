"""The commands beside the app, one module each; `command.py` says what a command is."""
