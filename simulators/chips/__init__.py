"""Chips of cards and phones: keys derived from the issuer's, counters that move, real cryptograms.

On `cryptography` itself, with keys spelt out in full: pyemv and psec are for tests only (nobody
looks after them, and they reach for TripleDES by a name that is going away), where they check this
code as strangers. Nothing of the engine's security module is in it either.

    keyring -> chip -> tap (DE55) -> (terminal, engine) -> tap.genuine(tag 91)
"""
