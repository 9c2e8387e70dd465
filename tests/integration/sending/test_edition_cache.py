"""Editions rendered once: found by everything they are made of, never by less, and never needed for anything to work."""

from __future__ import annotations

import os
import time
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import worker
from tests.support.rendering import NOW, PROJECT, make_facts, make_issue, make_launch, make_publication, templates
from worker import sources
from worker.domain.subscriber import Plan
from worker.render.edition import render_editions
from worker.render.key import editions_key, settled
from worker.render.layout import Templates
from worker.usecases.edition_cache import KEPT_ON_DISK, EditionCache
from worker.usecases.renderer_state import renderer_state, state_of

BODY = "Hello {first_name|there}.\n\n::: goal :::\n\n::: launch groups :::\n\n::: paid\nFor those who pay.\n:::\n"
STATE = "a" * 64


def cache_in(folder, state=STATE):
    """A cache whose renderer's state is known; in a checkout that was just edited it is not."""
    return EditionCache(folder, lambda: state)


def given_once():
    return make_issue(BODY), make_publication(), templates(), make_facts()


def key(text=None, publication=None, made=None, facts=None, message="issue", renderer=STATE):
    found = given_once()
    publication = publication or found[1]
    facts = settled(facts or found[3], publication)
    return editions_key(text or found[0], publication, made or found[2], facts, message, renderer)


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def test_what_was_rendered_before_is_found_by_another_process_and_is_the_same(tmp_path):
    made = cache_in(tmp_path).render(*given_once())
    path = tmp_path / f"{key()}.json"
    assert files(tmp_path) == [path.name]
    old = path.stat().st_mtime - 100
    os.utime(path, (old, old))
    found = cache_in(tmp_path).render(*given_once())
    assert path.stat().st_mtime > old  # it was read, not written anew by rendering: see the next test
    assert found == made
    assert {plan: one.hash for plan, one in found.items()} == {plan: one.hash for plan, one in made.items()}
    assert all(one.source_hash for one in found.values())


def test_an_entry_is_used_and_not_rendered_anew(tmp_path):
    cache_in(tmp_path).render(*given_once())
    text, publication, _, facts = given_once()
    deaf = Templates(sources.read_templates(PROJECT), sources.read_theme(PROJECT))
    deaf.render = None  # whoever renders with these fails
    assert deaf.digest == templates().digest
    cache = cache_in(tmp_path)
    found = cache.render(text, publication, deaf, facts)
    assert cache.render(text, publication, deaf, facts) is found  # and now from memory


def test_a_cached_edition_is_what_rendering_makes(tmp_path):
    text, publication, made, facts = given_once()
    cached = cache_in(tmp_path).render(text, publication, made, facts)
    fresh = render_editions(text, publication, made, facts)
    assert {plan: one.hash for plan, one in cached.items()} == {plan: one.hash for plan, one in fresh.items()}


@pytest.mark.parametrize("damage", ["", "{", "null", "[]", '{"key": "x"}', "cut", "changed", "swapped", "binary"])
def test_a_broken_entry_is_as_good_as_none_and_is_mended(tmp_path, damage):
    cache = cache_in(tmp_path)
    made = cache.render(*given_once())
    path = tmp_path / f"{key()}.json"
    whole = path.read_text(encoding="utf-8")
    match damage:
        case "cut":
            path.write_text(whole[: len(whole) // 2], encoding="utf-8")
        case "changed":
            path.write_text(whole.replace("For those who pay", "For those who stay"), encoding="utf-8")
        case "swapped":
            path.write_text(whole.replace(key(), "b" * 64), encoding="utf-8")
        case "binary":
            path.write_bytes(b"\xff\x00\xfe")
        case _:
            path.write_text(damage, encoding="utf-8")
    assert cache_in(tmp_path).render(*given_once()) == made
    assert path.read_text(encoding="utf-8") == whole


def test_a_folder_that_cannot_be_used_costs_nothing_but_time(tmp_path):
    (tmp_path / "file").write_text("no folder")
    for folder in (tmp_path / "file", tmp_path / "file" / "below", None):
        assert cache_in(folder).render(*given_once())[Plan.FREE].html


def test_the_folder_keeps_no_more_than_it_may_and_forgets_the_oldest(tmp_path):
    for number in range(KEPT_ON_DISK + 6):
        path = tmp_path / f"{number:064}.{'new' if number == 3 else 'json'}"
        path.write_text("{}")
        os.utime(path, (number, number))
    cache_in(tmp_path).render(*given_once())
    names = files(tmp_path)
    assert len(names) == KEPT_ON_DISK
    assert f"{key()}.json" in names
    assert f"{3:064}.new" not in names
    assert f"{KEPT_ON_DISK + 5:064}.json" in names


def test_nothing_reaches_the_disk_where_nobody_knows_what_code_runs(tmp_path):
    cache = cache_in(tmp_path, None)
    assert cache.render(*given_once()) is cache.render(*given_once())
    assert files(tmp_path) == []


def test_the_renderers_state_is_its_source_and_unknown_while_the_source_is_younger_than_the_process(tmp_path):
    for name in ("render/a.py", "domain/b.py", "store/c.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x = 1\n")
    later = time.time() + 60
    first = state_of(tmp_path, later)
    assert first is not None
    assert state_of(tmp_path, time.time() - 60) is None
    (tmp_path / "store" / "c.py").write_text("x = 2\n")
    assert state_of(tmp_path, later) == first
    (tmp_path / "render" / "a.py").write_text("x = 2\n")
    assert state_of(tmp_path, later) != first
    assert state_of(Path(worker.__file__).parent, later) == state_of(Path(worker.__file__).parent, later)
    assert renderer_state() in (None, state_of(Path(worker.__file__).parent, later))


# What an edition is made of, value by value: each is changed in turn, wherever it stands.


def changed(value):
    """Another value of the same kind."""
    match value:
        case bool():
            return not value
        case Enum():
            return next(one for one in type(value) if one is not value)
        case "America/Denver":
            return "Asia/Tokyo"
        case str():
            return value + "x"
        case int() | float():
            return value + 1
        case datetime() | date():
            return value + timedelta(days=1)
        case timedelta():
            return value + timedelta(hours=1)
        case None:
            return "x"
        case tuple():
            return (*value, "x")
        case frozenset():
            return value | {"x"}
        case dict():
            return {**value, "x": "y"}
    if hasattr(value, "hour"):
        return value.replace(hour=(value.hour + 1) % 24)
    raise AssertionError(f"no other {type(value)}")


def variants(value, path=""):
    """Every value that differs from this one in a single place, with the place."""
    if is_dataclass(value):
        for one in fields(value):
            for place, other in variants(getattr(value, one.name), f"{path}.{one.name}"):
                yield place, replace(value, **{one.name: other})
        return
    yield path, changed(value)
    if isinstance(value, dict):
        yield from ((f"{path}[{name}]", {k: v for k, v in value.items() if k != name}) for name in value)
        for name, inner in value.items():
            yield from ((place, {**value, name: other}) for place, other in variants(inner, f"{path}[{name}]"))
    if isinstance(value, tuple):
        for at, inner in enumerate(value):
            yield from (
                (place, (*value[:at], other, *value[at + 1 :])) for place, other in variants(inner, f"{path}[{at}]")
            )


def test_a_change_of_any_single_value_changes_the_key():
    text, publication, _, facts = given_once()
    facts = replace(facts, media={"ridge.jpg": (1200, 800)})
    keys = {key(facts=facts): "nothing changed"}
    tried = 0
    for name, whole in (("text", text), ("publication", publication), ("facts", facts)):
        for place, other in variants(whole, name):
            if place == "facts.launches":
                other = replace(facts, launches={**facts.launches, "x": make_launch(id="x")})
            found = key(**{"facts": facts, name: other})
            assert found not in keys, f"{place} and {keys[found]} have one key"
            keys[found] = place
            tried += 1
    assert tried > 60


def test_a_change_of_templates_theme_message_or_renderer_changes_the_key():
    found, theme = dict(sources.read_templates(PROJECT)), sources.read_theme(PROJECT)
    keys = {key(), key(message="step"), key(renderer="b" * 64)}
    for name, text in found.items():
        keys.add(key(made=Templates({**found, name: text + " "}, theme)))
    for table, values in theme.items():
        for name, value in values.items():
            if isinstance(value, str | int) and table in ("light", "dark"):
                keys.add(key(made=Templates(found, {**theme, table: {**values, name: f"{value} "}})))
    assert len(keys) > 3 + len(found)
    assert len(keys) == 3 + len(found) + len(theme["light"]) + len(theme["dark"])


moments = st.datetimes(datetime(2026, 10, 1), datetime(2027, 1, 31), timezones=st.just(UTC))  # noqa: DTZ001


@given(moments, st.sampled_from(["America/Denver", "Asia/Tokyo", "UTC", "Africa/Cairo", "America/Sao_Paulo"]))
@settings(max_examples=60, deadline=None)
def test_properties_the_settled_moment_shows_what_the_real_one_does(now, zone):
    launch = make_launch(zone=zone)
    publication = make_publication(slot=replace(make_publication().slot, zone=zone))
    text = make_issue("::: launch groups :::", published_on=None)
    facts = make_facts(now=now, launches={"groups": launch})
    quiet = settled(facts, publication)
    assert quiet.now <= now
    assert settled(quiet, publication) == quiet
    real, still = (render_editions(text, publication, templates(), one) for one in (facts, quiet))
    assert {plan: one.hash for plan, one in real.items()} == {plan: one.hash for plan, one in still.items()}


def test_minutes_change_nothing_but_midnight_and_a_launchs_hours_do():
    now = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
    same = {key(facts=make_facts(now=now + timedelta(minutes=minutes))) for minutes in (0, 1, 59, 300)}
    assert len(same) == 1
    moments_that_matter = [
        now,
        datetime(2026, 11, 24, 7, 0, tzinfo=UTC),  # midnight in Denver
        datetime(2026, 12, 19, 0, 59, tzinfo=UTC),
        datetime(2026, 12, 19, 1, 0, tzinfo=UTC),  # 18:00 in Denver: the launch closes
    ]
    assert len({key(facts=make_facts(now=at)) for at in moments_that_matter}) == 4
    assert now == NOW
