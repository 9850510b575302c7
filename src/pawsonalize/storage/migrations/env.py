"""Run migrations on the connection `Database` hands over, inside its write transaction."""

from alembic import context

from pawsonalize.storage.stream_tables import dead_letters

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=dead_letters.metadata,  # of all tables
    render_as_batch=True,
    transactional_ddl=False,  # the caller's transaction is the only one
)
context.run_migrations()
