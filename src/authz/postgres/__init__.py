"""The embedded PostgreSQL: the default store, on a unix socket, from the binaries of a wheel.

`ensure_running(data_dir)` starts or joins the server of a data directory and gives its URL. Any
other PostgreSQL is used through DATABASE_URL and never comes here.
"""

from authz.postgres.account import PostgresError
from authz.postgres.binaries import binary
from authz.postgres.place import default_data_dir, holds_cluster
from authz.postgres.server import Embedded, ensure_running, remove

__all__ = [
    "Embedded",
    "PostgresError",
    "binary",
    "default_data_dir",
    "ensure_running",
    "holds_cluster",
    "remove",
]
