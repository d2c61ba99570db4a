"""The list of runs and the knobs of the selected one."""
