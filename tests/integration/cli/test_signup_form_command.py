"""`signup-form` prints HTML that works on anybody's page."""

from html.parser import HTMLParser

import pytest
from sqlalchemy import select

from tests.support.commands import broadsheet, copy_project  # noqa: F401  (a fixture)
from tests.support.makers import make_subscriber
from worker.config import load_settings
from worker.context import Context
from worker.render.signup_form import signup_form
from worker.store.engine import open_engine, reading, writing
from worker.store.schema import migrate
from worker.store.tables import signups
from worker.web.app import create_app


class Form(HTMLParser):
    """The form's own parts, as a browser sees them."""

    def __init__(self, text):
        super().__init__()
        self.tags = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def fields(self):
        return {attrs["name"]: attrs.get("value", "") for tag, attrs in self.tags if tag == "input"}

    def attributes(self, name):
        return next(attrs for tag, attrs in self.tags if tag == name)


@pytest.fixture
def project(tmp_path, sqlite_url):
    (tmp_path / "project").mkdir()
    settings = {"secret_key": "k" * 32, "base_url": "https://letters.example.com"}
    return copy_project(tmp_path / "project", database_url=sqlite_url, **settings)


def test_the_printed_form_signs_up_from_another_site(broadsheet, project):  # noqa: F811
    ended = broadsheet("signup-form", "--project", project)
    form = Form(ended.out)
    assert form.attributes("form")["action"] == "https://letters.example.com/subscribe"
    assert "<script" not in ended.out
    context = Context(load_settings(project, {}))
    client = create_app(context).test_client()
    filled = form.fields() | {"address": "ada@example.com"}
    answer = client.post("/subscribe", data=filled, headers={"Origin": "https://ada.example.org"})
    assert "Look into your inbox" in answer.text
    with reading(context.engine) as connection:
        (kept,) = connection.execute(select(signups)).all()
    assert (kept.address, kept.page) == ("ada@example.com", "https://ada.example.org")
    context.engine.dispose()


def test_a_readers_code_stands_in_the_form_and_a_strangers_is_refused(broadsheet, project, sqlite_url):  # noqa: F811
    engine = open_engine(sqlite_url)
    migrate(engine)
    with writing(engine) as connection:
        code = make_subscriber(connection).referral_code
    engine.dispose()
    assert Form(broadsheet("signup-form", "--referral", code, "--project", project).out).fields()["r"] == code
    refused = broadsheet("signup-form", "--referral", "nobodys", "--project", project)
    assert refused.code == 2
    assert "no reader has this code" in refused.err


def test_a_name_with_markup_is_text_in_the_form():
    form = signup_form("https://letters.example.com/", 'A "quoted" <b>name</b>', '"><script>')
    assert "<b>" not in form
    assert "<script" not in form
