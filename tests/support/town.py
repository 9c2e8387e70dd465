"""One installation for stories in a browser: the Procfile's processes on free ports and a mailroom, whose mail holds the links."""

import re
from contextlib import ExitStack, contextmanager

from tests.support.commands import copy_project
from tests.support.mailroom import messages_to
from tests.support.processes import Process
from tests.support.waiting import until
from worker.embedded.supervisor import free_port
from worker.mailroom.options import MailroomOptions
from worker.mailroom.server import Mailroom
from worker.store.engine import open_engine, reading
from worker.store.subscribers import by_address_key

SECRET = "a secret of at least thirty-two letters"


class Town:
    """One installation: where its pages are, its database, and its mailroom."""

    def __init__(self, url, engine, room):
        self.url, self.engine, self.room = url, engine, room

    def mail(self, subjects, address):
        """Wait until exactly these have come; the newest one's links by their letter, as paths."""

        def come():
            found = [one["subject"] for one in messages_to(self.room, address)]
            return found == list(subjects)

        until(come, seconds=60, what=f"{subjects} in the mailroom")
        return self.links(subjects[-1], address)

    def links(self, subject, address):
        """The newest mail with this subject, once it has come: its links by their letter, as paths."""

        def newest():
            return [one for one in messages_to(self.room, address) if one["subject"] == subject][-1:]

        [mail] = until(newest, seconds=60, what=f"{subject!r} in the mailroom")
        return dict(re.findall(rf"{self.url}(?=(/\w)/)(/\w/[\w%-]+)", mail["text"]))

    def reader(self, address):
        with reading(self.engine) as connection:
            return by_address_key(connection, address)


@contextmanager
def built_town(tmp_path, database_url, valkey_url, edit=lambda project: None):
    """Build one in `tmp_path`; `edit` may change the author's files before anything reads them."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with ExitStack() as stack:
        room = stack.enter_context(Mailroom(MailroomOptions(keep=tmp_path / "mailroom")))
        project = tmp_path / "project"
        project.mkdir()
        copy_project(
            project,
            database_url=database_url,
            redis_url=valkey_url,
            base_url=url,
            web_port=port,
            secret_key=SECRET,
            sendgrid_api_key="SG.invented.for-the-tests",
            sendgrid_api_url=room.url,
            tick_seconds=0.5,
        )
        edit(project)
        engine = open_engine(database_url)
        stack.callback(engine.dispose)
        started = []
        for name, words in {"web": ["web"], "prompt": ["work", "prompt"], "clock": ["clock"]}.items():
            started.append(Process(tmp_path / name, *words, "--project", project))
            stack.callback(started[-1].close)
        started[0].await_words("web listens")
        yield Town(url, engine, room)
        for process in started:
            process.interrupt()
            process.wait(30)
