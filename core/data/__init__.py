"""Files to arrays in memory: datasets, their formats, downloads and scaling."""
