"""SETTLEMENT: which day a payment counts for, what is owed to whom, and the files that pay it."""
