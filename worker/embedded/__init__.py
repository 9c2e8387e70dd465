"""Servers and processes for a machine that has neither Redis nor a process manager. Only the commands use it."""
