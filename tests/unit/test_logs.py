"""A log line is one line of JSON, whatever is in it."""

import json
import logging
import subprocess
import sys

from worker.logs import JsonLines, say


def written(caplog, logger):
    (record,) = [r for r in caplog.records if r.name == logger.name]
    return JsonLines().format(record)


def test_a_line_holds_event_and_fields_as_json_on_one_line(caplog):
    logger = logging.getLogger("test.lines")
    say(logger, logging.WARNING, "moved", batch=7, reason="first\nsecond “quoted”")
    line = written(caplog, logger)
    assert "\n" not in line
    read = json.loads(line)
    assert read.pop("at").endswith("+00:00")
    assert read == {
        "level": "WARNING",
        "from": "test.lines",
        "event": "moved",
        "batch": 7,
        "reason": "first\nsecond “quoted”",
    }


def test_a_traceback_stays_on_the_line(caplog):
    logger = logging.getLogger("test.traceback")
    try:
        raise ValueError("broken")
    except ValueError as trouble:
        logger.error("failed", exc_info=trouble)
    line = written(caplog, logger)
    assert "\n" not in line
    assert "ValueError: broken" in json.loads(line)["traceback"]


def test_a_process_writes_json_to_standard_error_from_the_level_on():
    code = (
        "import logging\nfrom worker.logs import configure, say\nconfigure('WARNING')\n"
        "log = logging.getLogger('x')\nsay(log, logging.INFO, 'quiet')\nsay(log, logging.ERROR, 'loud', id=3)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    (line,) = ended.stderr.splitlines()
    assert json.loads(line)["event"] == "loud"
    assert ended.stdout == ""
