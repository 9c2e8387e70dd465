"""The queue: names, connection, and the RQ worker. A job is a hint with ids; the database alone says what is owed."""
