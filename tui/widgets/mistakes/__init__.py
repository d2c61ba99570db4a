"""Tab 3: confusion matrix and misclassified images."""
