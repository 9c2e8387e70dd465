"""The script of faults: which request meets which."""

import pytest

from worker.errors import UsageError
from worker.mailroom import faults
from worker.mailroom.faults import parse_faults
from worker.mailroom.script import Script


def names(script, requests):
    return [fault.name if (fault := script.take()) else "" for _ in range(requests)]


def test_faults_in_a_row_meet_one_request_after_the_other():
    script = Script()
    script.set([faults.never().times(2), faults.garbage()])
    assert script.left() == ["never", "never", "garbage"]
    assert names(script, 4) == ["never", "never", "garbage", ""]


def test_a_numbered_fault_waits_for_its_request_and_delays_the_row():
    script = Script()
    script.set([faults.garbage(), faults.never().on(1), faults.discarded().times(2).on(4)])
    assert names(script, 6) == ["never", "garbage", "", "discarded", "discarded", ""]


def test_a_new_script_replaces_the_old_and_counts_from_one():
    script = Script()
    script.set([faults.never().times(9)])
    names(script, 3)
    script.set([faults.garbage().on(2)])
    assert names(script, 3) == ["", "garbage", ""]


def test_json_makes_the_same_faults_as_python():
    parsed = parse_faults(
        [
            {"fault": "rate_limited", "reset_seconds": 7, "count": 2},
            {"fault": "status", "status": 503, "accepted": True},
            {"fault": "dropped", "when": "before_reading", "at": 9},
            {"fault": "rows_refused", "rows": [3, 17]},
        ]
    )
    assert parsed == [
        faults.rate_limited(7).times(2),
        faults.status(503, accepted=True),
        faults.dropped("before_reading").on(9),
        faults.rows_refused([3, 17]),
    ]


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ({}, "JSON array"),
        ([{"fault": "never"}, {"fault": "often"}], "entry 2 names no fault"),
        (["never"], "entry 1 names no fault"),
        ([{"fault": "late"}], "entry 1 cannot be used"),
        ([{"fault": "late", "seconds": 1, "hours": 2}], "late takes seconds"),
        ([{"fault": "dropped", "when": "sometimes"}], "not sometimes"),
        ([{"fault": "never", "count": "many"}], "entry 1 cannot be used"),
        ([{"fault": "never", "count": 0}], "at least 1"),
        ([{"fault": "late", "seconds": "long"}], "entry 1 cannot be used"),
        ([{"fault": "status", "status": "no"}], "entry 1 cannot be used"),
    ],
)
def test_a_script_that_makes_no_sense_is_refused_with_its_entry(script, words):
    with pytest.raises(UsageError, match=words):
        parse_faults(script)
