"""The doors: who may come in, one peer's bytes, and what is answered without a batch."""
