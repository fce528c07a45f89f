"""Payments as they were kept: found again, added up, and told in words."""
