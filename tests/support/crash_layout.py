"""The folder of an installation: the sample's content and looks, and an .env."""

import shutil
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
SECRETS = {
    "SECRET_KEY": "a secret of the crash tests, long enough",
    "SENDGRID_API_KEY": "SG.a-key-of-the-tests",
}


def lay_out(folder, **settings):
    """Copy `content/` and `emails/` into the folder and write its settings."""
    for part in ("content", "emails"):
        shutil.copytree(SOURCE / part, folder / part)
    lines = [f"{name}={value}\n" for name, value in (SECRETS | settings).items()]
    (folder / ".env").write_text("".join(lines))
