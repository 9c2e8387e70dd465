"""One verb per file. A use case takes ids and values, owns its transactions, and returns what should be enqueued."""
