"""Builders and drivers that the tests share."""
