"""The life of cards and of the tokens in phones: who may change what, and what is kept of it."""
