"""What every test has in common: how hard hypothesis tries, and a database for who asks."""

import os

from hypothesis import HealthCheck, settings

from tests.postgres import database_url, drop_database, embedded, make_database, postgres_url

__all__ = ["database_url", "drop_database", "embedded", "make_database", "postgres_url"]

settings.register_profile(
    "default",
    max_examples=50,
    deadline=None,  # a slow machine is no failure
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("thorough", parent=settings.get_profile("default"), max_examples=2_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
