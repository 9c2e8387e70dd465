"""The command table. Each module below defines the commands of one concern on the `app` made in worker/cli/shape.py."""

from worker.cli import (
    authoring,
    control,
    correcting,
    demo,
    doctor,
    export_list,
    list_deliveries,
    list_subscribers,
    looking,
    processes,
    reconciling,
    segments,
    sending,
    signup_form,
    subscriber_plans,
    suppressions,
    watching,
)
from worker.cli.shape import app

__all__ = [
    "app",
    "authoring",
    "control",
    "correcting",
    "demo",
    "doctor",
    "export_list",
    "list_deliveries",
    "list_subscribers",
    "looking",
    "processes",
    "reconciling",
    "segments",
    "sending",
    "signup_form",
    "subscriber_plans",
    "suppressions",
    "watching",
]
