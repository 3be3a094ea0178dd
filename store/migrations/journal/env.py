"""Alembic's entry for the journal; `store.schema` hands it the open connection."""

from alembic import context

from store.tables.journal import JOURNAL

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=JOURNAL,
    render_as_batch=True,
    transactional_ddl=True,
)
context.run_migrations()
