"""The frame around the tabs: header, tab line, accuracy log, banner, status, footer."""
