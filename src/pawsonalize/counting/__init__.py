"""Counts a log beside its rows, by an engine out of core: Polars, DuckDB, or a Spark cluster."""
