"""Errors a user can cause. Their text is one line that names the cause and the remedy."""

from __future__ import annotations


class UserError(Exception):
    """Something outside the program stops it: a file, a device, the network. Exit status 1."""

    exit_status = 1


class UsageError(UserError):
    """A request that makes no sense: an option, a value, a name. Exit status 2."""

    exit_status = 2


class ReaderGone(Exception):
    """The program that reads stdout has gone, as `head` does once it has its lines; nothing went wrong."""

    exit_status = 141
    """128 + SIGPIPE, which ends programs that leave that signal alone."""


class Cancelled(Exception):
    """The user asked to stop while something was being prepared; nothing went wrong."""
