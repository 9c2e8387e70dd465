"""The database. The only importer of SQLAlchemy; returns domain dataclasses. The database is the record."""
