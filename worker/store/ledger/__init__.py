"""The ledger: who is owed and was given what. The only writer of mailings' states, batches, submissions, deliveries.

One file per verb, each a handful of conditional UPDATEs: a move names the old status and the claim's token, and a
row count of 1 means it is yours. There are no row locks. Both state machines are drawn in docs/delivery.md.
"""
