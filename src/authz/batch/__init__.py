"""Batches make themselves: who waits, who goes together, one SQL transaction for each."""
