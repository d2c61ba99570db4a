"""The written comparison of both heads: facts in modules, all prose in templates."""
