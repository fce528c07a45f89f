"""The HTTP side: operations, accounts, authorizations and their traces, as JSON (FastAPI)."""

from authz.gateway.app import create_app
from authz.gateway.deps import CardDesk, Deps, Limiter, Road

__all__ = ["CardDesk", "Deps", "Limiter", "Road", "create_app"]
