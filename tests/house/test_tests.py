"""Tests that cannot fail prove nothing; neither do mocks of our own code, nor waiting by the clock on the wall."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MOCKS = "unittest" + ".mock"


def trees():
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        yield str(path.relative_to(ROOT)), ast.parse(path.read_text(encoding="utf-8"))


def cases_in(tree):
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    ]


def called(node):
    """The names of all functions called inside, without what they are attributes of."""
    for call in ast.walk(node):
        if isinstance(call, ast.Call):
            match call.func:
                case ast.Name(id=name) | ast.Attribute(attr=name):
                    yield name


def can_fail(test, local):
    """Whether it asserts, expects an exception, waits for a condition, or calls a function that does."""
    names = set(called(test))
    return (
        any(isinstance(node, ast.Assert) for node in ast.walk(test))
        or bool(names & {"raises", "warns", "fail", "until", "assert_never"})
        or any(re.match(r"assert_|check_|expect|require_|verify", name) for name in names)
        or bool(names & local)
    )


def asserting_functions(tree):
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return {f.name for f in functions if any(isinstance(node, ast.Assert) for node in ast.walk(f))}


def test_every_test_can_fail():
    idle = [
        f"{name}:{test.lineno} {test.name}"
        for name, tree in trees()
        for test in cases_in(tree)
        if not can_fail(test, asserting_functions(tree))
    ]
    assert idle == []


def test_every_test_file_has_tests():
    assert [name for name, tree in trees() if not cases_in(tree)] == []


def test_every_test_is_named_as_a_sentence():
    short = [f"{name} {test.name}" for name, tree in trees() for test in cases_in(tree) if test.name.count("_") < 3]
    assert short == []


def test_no_two_cases_in_a_file_share_a_name():
    doubled = [
        f"{name} {test.name}"
        for name, tree in trees()
        for number, test in enumerate(cases_in(tree))
        if test.name in {other.name for other in cases_in(tree)[:number]}
    ]
    assert doubled == []


def test_no_two_test_files_share_a_name():
    names = [Path(name).name for name, _tree in trees()]
    assert sorted({name for name in names if names.count(name) > 1}) == []


def test_nothing_of_ours_is_mocked():
    files = [*(ROOT / "tests").rglob("*.py"), *(ROOT / "worker").rglob("*.py")]
    assert [str(path) for path in files if MOCKS in path.read_text(encoding="utf-8")] == []


def test_no_test_waits_by_sleeping():
    sleepers = [
        f"{name}:{call.lineno}"
        for name, tree in trees()
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and ast.unparse(call.func) in ("time.sleep", "sleep")
    ]
    assert sleepers == []
