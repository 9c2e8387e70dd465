"""Text in, text out. Pure: no file, database, network or clock."""
