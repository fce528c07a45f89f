"""What the tests of the database share: the server and the databases of tests/postgres.py."""

from tests.postgres import SMALL, MakeDatabase, a_data_dir

__all__ = ["SMALL", "MakeDatabase", "a_data_dir"]
