"""Preflight: what should be known before an issue goes out. Errors block sending, warnings do not.

One small function a rule, in the list RULES of worker/render/preflight/rules.py.
"""

from worker.render.preflight.findings import Finding, Severity
from worker.render.preflight.run import preflight

__all__ = ["Finding", "Severity", "preflight"]
