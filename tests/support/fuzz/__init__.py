"""`make fuzz`: hostile Markdown and hostile names, rendered in watched children. See docs/testing.md."""
