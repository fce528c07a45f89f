"""The bank link: what is said to the bank acquirer, by whom, and what is said until it is heard."""
