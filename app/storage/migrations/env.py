"""Run by alembic; `app.storage.migration` hands it a connection, and a callback for each revision applied."""

from __future__ import annotations

from alembic import context

_attributes = context.config.attributes
_connection = _attributes["connection"]
context.configure(
    connection=_connection,
    transactional_ddl=_connection.dialect.name == "sqlite",
    on_version_apply=_attributes["applied"],
)
with context.begin_transaction():
    context.run_migrations()
