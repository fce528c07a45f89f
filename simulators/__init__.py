"""The outside world, for tests and demonstrations: terminals, acquirers, a bank, wallets, traffic."""
