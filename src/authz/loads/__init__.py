"""Employers' orders: read, checked line by line, paid against a reference, loaded, taken back."""
