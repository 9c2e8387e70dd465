"""Follow-ups in the database: runs of sequences, enrollments and due steps. What is mailed is the ledger's."""
