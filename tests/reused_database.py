"""One PostgreSQL database for many tests: to empty it takes a tenth of what a new one does."""

from sqlalchemy import NullPool, create_engine, text

_END_OTHERS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
_SHAPE = """
SELECT count(*), sum(attrelid::bigint * attnum), sum(atttypid::bigint), count(*) FILTER
    (WHERE attisdropped), count(*) FILTER (WHERE attnotnull)
FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
WHERE relnamespace = 'public'::regnamespace
"""
"""Differs as soon as a table, an index or a column is made, altered or dropped."""
_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
_EMPTY = f"""
DO $$
DECLARE name text; has_rows boolean;
BEGIN
    PERFORM setval(oid, 1, false) FROM pg_class
        WHERE relkind = 'S' AND relnamespace = 'public'::regnamespace;
    FOR name IN {_TABLES} LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %I)', name) INTO has_rows;
        IF has_rows THEN EXECUTE format('TRUNCATE %I CASCADE', name); END IF;
    END LOOP;
END $$
"""


class ReusedDatabase:
    """A migrated database, as new again for each test. It is at `url`."""

    def __init__(self, url: str) -> None:
        self.url = url
        driver = url.replace("postgresql://", "postgresql+psycopg://", 1)
        self._engine = create_engine(driver, poolclass=NullPool)
        with self._engine.connect() as connection:
            self._shape = connection.execute(text(_SHAPE)).one()
            self._rows = {
                name: [dict(row) for row in connection.execute(text(f"TABLE {name}")).mappings()]
                for name in connection.scalars(text(_TABLES)).all()
            }

    def renew(self) -> bool:
        """Leave the rows of a new database alone; False if its tables are others by now."""
        with self._engine.begin() as connection:
            connection.execute(text(_END_OTHERS))
            if connection.execute(text(_SHAPE)).one() != self._shape:
                return False
            connection.execute(text(_EMPTY))
            for name, rows in self._rows.items():
                if rows:
                    columns = ", ".join(rows[0])
                    values = ", ".join(f":{column}" for column in rows[0])
                    connection.execute(
                        text(f"INSERT INTO {name} ({columns}) VALUES ({values})"), rows
                    )
        return True
