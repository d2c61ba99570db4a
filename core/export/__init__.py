"""Files for other programs: rows, TensorBoard, plots, tables."""
