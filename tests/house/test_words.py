"""Names say what a thing is: the words that say nothing are banned (docs/glossary.md)."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BANNED = frozenset(
    {"manager", "service", "helper", "util", "utils", "common", "handler", "processor"}
    | {"data", "info", "process", "handle", "do", "misc"}
)

# Names that another library calls by that name, each with the one who does.
FORCED = {
    "handle_work_horse_killed": "rq.Worker calls it",
    "process_bind_param": "sqlalchemy.types.TypeDecorator calls it",
    "process_result_value": "sqlalchemy.types.TypeDecorator calls it",
    "do_GET": "http.server calls it",
    "do_POST": "http.server calls it",
    "do_PUT": "http.server calls it",
    "do_PATCH": "http.server calls it",
    "do_DELETE": "http.server calls it",
    "do_HEAD": "http.server calls it",
    "handle_data": "html.parser calls it",
    "handle_starttag": "html.parser calls it",
    "handle_startendtag": "html.parser calls it",
    "handle_endtag": "html.parser calls it",
    "handle_error": "socketserver calls it",
    "exc_info": "start_response's third argument (PEP 3333)",
}
FORCED_IN = {
    ("worker/web/server.py", "info"): "gunicorn's logger is called by it",
    ("worker/render/containers.py", "info"): "CommonMark's own word: the info string after a fence",
}


def words(name):
    """The words of a snake_case or CamelCase name, in lower case."""
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)}


def defined_names(tree):
    """Every name a module gives to something: functions, classes, arguments, variables, attributes, aliases."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.lineno, node.name
            case ast.arg():
                yield node.lineno, node.arg
            case ast.Name(ctx=ast.Store()):
                yield node.lineno, node.id
            case ast.Attribute(ctx=ast.Store(), value=ast.Name(id="self")):
                yield node.lineno, node.attr
            case ast.alias(asname=str(name)):
                yield node.lineno, name
            case ast.ExceptHandler(name=str(name)):
                yield node.lineno, name


def bad_names(source):
    return [
        (line, name) for line, name in defined_names(ast.parse(source)) if name not in FORCED and words(name) & BANNED
    ]


def test_no_name_in_the_package_is_one_of_the_banned_words():
    found = [
        f"{path.relative_to(ROOT)}:{line} {name}"
        for path in sorted((ROOT / "worker").rglob("*.py"))
        for line, name in bad_names(path.read_text(encoding="utf-8"))
        if (path.relative_to(ROOT).as_posix(), name) not in FORCED_IN
    ]
    assert found == []


def test_no_file_or_folder_of_the_package_has_a_banned_name():
    paths = [path for path in (ROOT / "worker").rglob("*") if "__pycache__" not in path.parts]
    assert [str(path.relative_to(ROOT)) for path in paths if words(path.stem) & BANNED] == []


@pytest.mark.parametrize(
    "source",
    [
        "def send_data(): ...",
        "class MailManager: ...",
        "def send(user_info): ...",
        "batch_data = 1",
        "class Post:\n  def __init__(self):\n    self.handler = 1",
        "import json as json_util",
    ],
)
def test_a_banned_word_is_found_wherever_a_name_is_given(source):
    assert len(bad_names(source)) == 1


@pytest.mark.parametrize("source", ["database = 1", "def undo(): ...", "log.info(data=1)", "def processed(): ..."])
def test_a_word_that_only_contains_a_banned_one_passes(source):
    assert bad_names(source) == []


def test_the_glossary_lists_the_banned_words():
    glossary = ROOT / "docs" / "glossary.md"
    if not glossary.exists():
        pytest.skip("docs/glossary.md is not written yet")
    (line,) = [line for line in glossary.read_text(encoding="utf-8").splitlines() if line.startswith("Banned in names")]
    assert set(re.findall(r"[a-z]+", line.partition(":")[2])) | {"utils"} == BANNED
