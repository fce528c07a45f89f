"""The schema's history, by Alembic: `millesime db upgrade` walks it forward."""
