"""Bytes to frames, messages to our own words, and back: the ISO 8583 side of the road."""
