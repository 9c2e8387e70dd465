"""Every letter as it travels: SpamAssassin's score, the length of lines, what an inbox shows beside the subject."""

import re
import subprocess

import pytest

from tests.support.letters import letters
from tests.support.mail_browser import shown

NAMES = [letter.name for letter in letters()]
LONGEST_LINE = 998  # bytes without CRLF: RFC 5322, section 2.1.1
INBOX_ROW = 140  # characters; no inbox shows more beside a subject


@pytest.fixture(params=NAMES)
def letter(request):
    return letters()[NAMES.index(request.param)]


def score(program, mail):
    """SpamAssassin's score and its report, without any network test."""
    done = subprocess.run([program, "-L", "-t", "-e", "-x"], input=mail, capture_output=True, check=False, timeout=100)
    said = done.stdout.decode(errors="replace")
    found = re.search(r"^X-Spam-Status: .*?score=(-?[\d.]+)", said, re.MULTILINE)
    assert found, said[-2000:] + done.stderr.decode(errors="replace")
    return float(found[1]), said[said.rindex("Content analysis details") :]


def test_spamassassin_holds_nothing_against_a_letter(spamassassin, letter):
    points, report = score(spamassassin, letter.as_mail())
    assert points <= 0.0, report


def test_spamassassin_would_hold_low_contrast_against_a_letter(spamassassin):
    hidden = '<div style="color:#ffffff;font-size:1px">a hidden preview of what is inside</div>'
    mail = letters()[0].as_mail(letters()[0].html.replace("<div", f"{hidden}<div", 1))
    points, report = score(spamassassin, mail)
    assert points > 0.0, report


def test_no_line_of_a_letter_is_longer_than_mail_allows(letter):
    for part in (letter.html, letter.text):
        longest = max(part.splitlines(), key=lambda line: len(line.encode()))
        assert len(longest.encode()) <= LONGEST_LINE, longest[:200]


def test_an_inbox_shows_the_preview_and_nothing_of_the_letter(chromium, letter):
    with shown(chromium, letter.html) as page:
        words = re.sub(r"[ \n\t]+", " ", page.evaluate("document.body.textContent")).lstrip()
        hidden = page.evaluate("getComputedStyle(document.querySelector('[role=article] > div')).display")
    preheader = letter.edition.preheader
    assert words.startswith(preheader)
    padding = re.match(r"[\s\u200c\u200b\u034f\u00ad\ufeff\u2007]*", words[len(preheader) :])[0]
    assert len(preheader) + len(padding) >= INBOX_ROW
    assert hidden == "none"


def test_a_letter_says_the_same_subject_and_reader_in_both_parts(letter):
    assert "-bs" not in letter.subject + letter.html + letter.text
    assert "\n" not in letter.subject


def test_the_sample_issue_stays_far_below_what_gmail_shows():
    sizes = {letter.name: len(letter.html.encode()) for letter in letters()}
    assert {name: size for name, size in sizes.items() if size > 60 * 1024} == {}
