"""What the rows of a study say: curves, statistics, a summary."""
