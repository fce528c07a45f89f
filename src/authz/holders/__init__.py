"""People and what they have, off the road: balances, gifts, paper, leaving, notices."""
