"""The HTTP side: operations, accounts, authorizations and their traces, as JSON (FastAPI)."""

from authz.gateway.app import create_app
from authz.gateway.deps import Deps, Road, Vault

__all__ = ["Deps", "Road", "Vault", "create_app"]
