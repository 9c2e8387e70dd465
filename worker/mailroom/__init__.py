"""The mailroom: a real HTTP server on loopback that stands in for SendGrid. Nothing in it reaches the outside.

It holds requests against SendGrid's documented rules, keeps what readers would get, answers with scripted faults,
and posts signed events. What SendGrid's documents leave open is decided to the strict side, and says so.
"""
