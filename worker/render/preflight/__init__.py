"""Preflight: what should be known before an issue goes out. Errors block sending, warnings do not.

One small function a rule, in the module of its subject; the list is worker/render/preflight/rules.py.
"""

from worker.render.preflight.findings import Finding, Rule, Severity
from worker.render.preflight.finished import Longest
from worker.render.preflight.run import preflight

__all__ = ["Finding", "Longest", "Rule", "Severity", "preflight"]
