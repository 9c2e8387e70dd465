"""Only a mail that may say how many subscribers there are has them counted: follow-ups and sign-ups are prepared all day."""

from pathlib import Path

import pytest
from sqlalchemy import event

from tests.support.makers import NOW, make_subscribers
from tests.support.rendering import PROJECT, make_issue, make_publication, templates
from worker import sources
from worker.render.key import editions_key, settled
from worker.render.layout import Templates
from worker.store.engine import writing
from worker.usecases.prepare_mailing import gather_facts


@pytest.fixture
def asked(engine):
    """What the database was asked, statement by statement."""
    with writing(engine) as connection:
        make_subscribers(connection, 3)
    found = []
    event.listen(engine, "before_cursor_execute", lambda _c, _u, statement, *_: found.append(statement))
    return found


def facts(engine, body, made):
    return gather_facts(engine, Path(PROJECT), make_issue(body), made, base_url="https://x.example", now=NOW)


def test_nobody_is_counted_for_a_mail_that_does_not_say_how_many_there_are(engine, asked):
    assert facts(engine, "Good morning.", templates()).subscribers == 0
    assert asked == []


def test_a_goal_counts_them(engine, asked):
    assert facts(engine, "> ::: goal :::", templates()).subscribers == 3
    assert any("count" in one for one in asked)


def test_so_does_a_template_of_the_authors_own_that_says_how_many(engine, asked):
    found = dict(sources.read_templates(PROJECT))
    found["messages/issue.mjml.j2"] += "{{ facts.subscribers }}"
    assert facts(engine, "Good morning.", Templates(found, sources.read_theme(PROJECT))).subscribers == 3
    assert asked


def test_a_mail_that_does_not_say_it_is_not_rendered_anew_for_one_reader_more(engine):
    def key(body):
        now = settled(facts(engine, body, templates()), make_publication())
        return editions_key(make_issue(body), make_publication(), templates(), now, "issue", "a" * 64)

    before = key("Good morning."), key("::: goal :::")
    with writing(engine) as connection:
        make_subscribers(connection, 1)
    after = key("Good morning."), key("::: goal :::")
    assert (before[0] == after[0], before[1] == after[1]) == (True, False)
