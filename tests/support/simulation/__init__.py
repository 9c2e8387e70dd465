"""Ninety days of a whole list on a turned clock, checked against a model that knows nothing of the program.

`project.py` writes what the author wrote, `product.py` runs the program as it is, `world.py` makes things happen and keeps a
log of them, `model.py` says from that log alone what follows, `checks.py` holds the mail that arrived against it.
"""
