"""Alembic's entry: runs the migrations on the SQL connection of `authz.storage.schema`."""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=None, transaction_per_migration=False)
with context.begin_transaction():
    context.run_migrations()
