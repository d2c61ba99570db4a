"""Output without a screen: training log, summaries, tables, plots in the terminal."""
