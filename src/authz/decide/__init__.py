"""THE HEART: requests and what is known in, outcomes and what to write out. All of it pure."""
