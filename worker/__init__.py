"""Broadsheet: a newsletter worker. Rooms and who may import whom: docs/architecture.md."""
