"""The outside: who takes our mail. `base` is the protocol and its answers; nothing else is known to use cases."""
