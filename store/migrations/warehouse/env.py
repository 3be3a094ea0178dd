"""Alembic's entry for the warehouse; `store.schema` hands it the open connection."""

from alembic import context

from store.tables.warehouse import WAREHOUSE

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=WAREHOUSE,
    render_as_batch=True,
    transactional_ddl=True,
)
context.run_migrations()
