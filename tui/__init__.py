"""The command line and the screen.

    __main__ theme number_format speed messages preferences actions
    pending_requests run_filter graphics image_encoding    used by all of tui

    widgets/     building blocks that know no tab
      frame/ runs/ curves/ weights/ mistakes/ compare/ why/    one folder per part of the screen
    screens/     the main screen and its dialogs
    app/         the app, the thread that trains, signals
    text/        output without a screen
    cli/         the parser, its options, the start of the app
      commands/  one module per command

A package imports those above it, never those below, and no tab imports another;
tests/test_layout.py holds the rule.
"""
