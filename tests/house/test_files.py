"""What every file of the project must be: short, described, free of this or that machine."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LONGEST = 300

# Written in pieces, so that this file does not hold what it forbids.
INDEX_HOSTS = ["pypi" + ".org", "pythonhosted" + ".org", "npmjs" + ".org", "npmjs" + ".com", "conda" + ".anaconda"]
MACHINE_PATHS = re.compile(
    r"(?<![\w.])(?:/work" + r"/(?:main|shared)|/root" + r"/|/home" + r"/[a-z]+/|/Users" + r"/[a-z]+/)"
)


def modules():
    return sorted((ROOT / "worker").rglob("*.py"))


def tracked_texts():
    """Every tracked file that is text, with what it says."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if names.returncode:
        pytest.skip("not a git checkout")
    for name in names.stdout.decode().split("\0"):
        path = ROOT / name
        if name and path.is_file():
            raw = path.read_bytes()
            if b"\0" not in raw[:8000]:
                yield name, raw.decode("utf-8", errors="replace")


def test_no_module_is_longer_than_the_house_allows():
    lengths = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in modules()}
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}


def test_every_module_says_what_it_owns():
    silent = [
        str(path.relative_to(ROOT))
        for path in modules()
        if path.read_text(encoding="utf-8").strip()
        and not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert silent == []


def test_a_job_is_at_most_ten_lines():
    tree = ast.parse((ROOT / "worker" / "jobs.py").read_text(encoding="utf-8"))
    jobs = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    assert jobs
    assert {job.name: job.end_lineno - job.lineno + 1 for job in jobs if job.end_lineno - job.lineno >= 10} == {}


def test_a_job_takes_ids_and_nothing_else():
    tree = ast.parse((ROOT / "worker" / "jobs.py").read_text(encoding="utf-8"))
    jobs = [node for node in tree.body if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")]
    given = {(job.name, each.arg, ast.unparse(each.annotation)) for job in jobs for each in job.args.args}
    assert given
    assert {row for row in given if not (row[1].endswith("_id") and row[2] == "int")} == set()


def test_no_file_names_a_folder_of_one_machine():
    assert [(name, found[0]) for name, text in tracked_texts() if (found := MACHINE_PATHS.findall(text))] == []


def test_no_file_names_the_host_of_a_package_index():
    assert [(name, host) for name, text in tracked_texts() for host in INDEX_HOSTS if host in text] == []


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_requirements_are_pinned_with_hashes_and_name_no_index(name):
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    starts = [line for line in lines if line and not line.startswith((" ", "#"))]
    assert len(starts) > 10
    assert [line for line in starts if not re.match(r"[a-z0-9._-]+(\[[a-z,]+\])?==\S+", line, re.I)] == []
    assert [
        line for line in lines if "://" in line or line.lstrip().startswith(("-i", "--index", "--extra", "--find"))
    ] == []


def test_the_procfile_starts_the_four_processes():
    lines = (ROOT / "Procfile").read_text(encoding="utf-8").splitlines()
    assert dict(line.split(": ", 1) for line in lines) == {
        "web": "broadsheet web",
        "bulk": "broadsheet work bulk",
        "prompt": "broadsheet work prompt",
        "clock": "broadsheet clock",
    }
