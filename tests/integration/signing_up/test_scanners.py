"""Programs that follow links: GET and HEAD of every link of every kind of mail, three times, change nothing at all."""

import html
import re
from urllib.parse import urlsplit

from sqlalchemy import select

from tests.support.mailroom import messages
from tests.support.sending import BASE_URL, submit
from worker import sources
from worker.domain.issue import Step
from worker.domain.late import Late
from worker.domain.mailing import MailingKind
from worker.domain.subscriber import Plan
from worker.store.engine import reading, writing
from worker.store.ledger.mailings import NewAddressee, NewMailing, create_mailing
from worker.store.tables import metadata
from worker.usecases.plan_mailing import plan_mailing

KINDS = {"/u/", "/m/", "/r/", "/a/", "/c/", "/f/", "/n/"}


def everything(engine):
    with reading(engine) as connection:
        return {table.name: connection.execute(select(table)).all() for table in metadata.sorted_tables}


def send(post, source, kind, launch_id=None):
    reader = post.reader()
    new = NewMailing(
        key=source,
        kind=kind,
        source=source,
        send_at=post.now,
        wall_time=post.now.replace(tzinfo=None).isoformat(),
        zone="UTC",
        batch_size=1,
        late=Late.SEND,  # its hour is past on the real clock
        launch_id=launch_id,
        addressees=[NewAddressee(reader.id, Plan.PAID)],
    )
    with writing(post.context.engine) as connection:
        mailing_id = create_mailing(connection, new, post.now)
    plan_mailing(post.context.engine, mailing_id, post.context.prepare, post.now)
    submit(post.context, mailing_id)


def links(one):
    found = set(re.findall(r'href="([^"]+)"', one["html"])) | set(re.findall(r"https://[^\s\]>)]+", one["text"]))
    header = {name.lower(): value for name, value in one["headers"].items()}["list-unsubscribe"]
    found |= set(re.findall(r"<([^>]+)>", header))
    return {html.unescape(url) for url in found if html.unescape(url).startswith(BASE_URL)}


def test_get_and_head_of_every_link_of_every_mail_three_times_change_nothing(post):
    project = post.context.settings.project
    steps: list[Step] = [*sources.read_steps(project, "launch"), *sources.read_steps(project, "referral")]
    post.confirmed()
    send(post, f"issue:{sources.list_issues(project)[0].id}", MailingKind.BROADCAST)
    for step in steps:
        launch = "producer-groups" if step.sequence == "launch" else None
        send(post, f"step:{step.sequence}/{step.id}", MailingKind.STEP, launch)
    found = {url for one in messages(post.room) for url in links(one)}
    assert {urlsplit(url).path[:3] for url in found} == KINDS
    before = everything(post.context.engine)
    for url in sorted(found):
        for method in ("GET", "HEAD") * 3:
            reply = post.client.open(url.removeprefix(BASE_URL), method=method)
            assert reply.status_code == 200, url
            assert "Location" not in reply.headers
    post.work()
    assert everything(post.context.engine) == before
