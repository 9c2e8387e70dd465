"""A reader who signs up: pages over a real database, mail through a real mailroom, and the jobs run one after the other."""

import re
from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from tests.support.mailroom import messages_to
from tests.support.sending import BASE_URL, submit
from worker.store.engine import reading
from worker.store.subscribers import by_address_key
from worker.store.tables import mailings, suppressions
from worker.usecases.lift_suppressions import lift_suppressions
from worker.usecases.plan_mailing import plan_mailing
from worker.usecases.take_signups import take_signups
from worker.web.app import create_app

START = datetime(2024, 1, 8, 8, 0, tzinfo=UTC)  # past on any machine's clock, so what is due has come


class Post:
    """The web process, the mailroom and the prompt worker of one installation, on a clock that the test turns."""

    def __init__(self, context, room):
        self.context, self.room, self.now = context, room, START
        self.client = create_app(context, now=lambda: self.now).test_client()

    def later(self, **by):
        self.now += timedelta(**by)

    def sign_up(self, address="ada@example.com", network="198.51.100.7", **fields):
        environ = {"REMOTE_ADDR": network}
        return self.client.post("/subscribe", data={"address": address} | fields, environ_base=environ)

    def work(self):
        """What the prompt worker does, until nothing is left to do."""
        context = self.context
        take_signups(context.engine, context.signup_desk, self.now)
        for _ in range(2):  # a welcome may follow what was lifted
            for mailing_id in self._open():
                plan_mailing(context.engine, mailing_id, context.prepare, self.now)
                submit(context, mailing_id)
            lift_suppressions(context.engine, context.lists, self.now)

    def _open(self):
        with reading(self.context.engine) as connection:
            query = select(mailings.c.id).where(mailings.c.status == "scheduled").order_by(mailings.c.id)
            return connection.execute(query).scalars().all()

    def mail(self, address="ada@example.com"):
        return messages_to(self.room, address)

    def subjects(self, address="ada@example.com"):
        return [one["subject"] for one in self.mail(address)]

    def confirm(self, address="ada@example.com", **fields):
        """Press the button behind the newest confirmation's link."""
        return self.client.post(self.link("c", address), data=fields)

    def link(self, letter, address="ada@example.com"):
        """The path of the newest link of that kind in this address's mail."""
        found = [
            path for one in self.mail(address) for path in re.findall(rf"{BASE_URL}(/{letter}/[\w%-]+)", one["text"])
        ]
        return found[-1]

    def reader(self, address="ada@example.com"):
        with reading(self.context.engine) as connection:
            return by_address_key(connection, address)

    def suppressed(self):
        with reading(self.context.engine) as connection:
            rows = connection.execute(select(suppressions.c.address_key, suppressions.c.reason)).all()
        return dict(tuple(row) for row in rows)

    def confirmed(self, address="ada@example.com"):
        """Somebody who has signed up, confirmed and got the welcome."""
        self.sign_up(address)
        self.work()
        self.confirm(address)
        self.work()
        return self.reader(address)
