"""Text in, text out: Markdown becomes finished mail. Pure: no file, database, network or clock.

The order is the rule: parse once, cut what the plan may not read (gate), and derive everything else from the cut tree.
"""
