"""Reads what the author wrote, `content/` and `emails/`, from disk. Nothing else does.

Every mistake is a SourceError with file, line where there is one, and what to write instead.
"""

from worker.sources.emails import read_templates, read_theme
from worker.sources.issues import list_issues, new_issue, read_issue
from worker.sources.launches import read_launches, read_readable_launches, refuse_audience
from worker.sources.media import find_picture, read_picture
from worker.sources.notices import list_notices, read_notice
from worker.sources.picture_sizes import read_picture_sizes
from worker.sources.publication import read_publication
from worker.sources.samples import read_sample
from worker.sources.steps import list_sequences, read_steps

__all__ = [
    "find_picture",
    "list_issues",
    "list_notices",
    "list_sequences",
    "new_issue",
    "read_issue",
    "read_launches",
    "read_notice",
    "read_picture",
    "read_picture_sizes",
    "read_publication",
    "read_readable_launches",
    "read_sample",
    "read_steps",
    "read_templates",
    "read_theme",
    "refuse_audience",
]
