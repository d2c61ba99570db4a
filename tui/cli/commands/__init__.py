"""The commands beside the app, one module each; `parser.Command` says what a module holds."""
