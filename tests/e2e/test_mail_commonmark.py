"""Every example of the CommonMark specification beside our mail; the examples are fetched here."""

from tests.support.commonmark import differences, examples


def test_every_example_of_the_specification_says_what_it_should_or_is_refused_by_name(npm_packages):
    assert len(examples()) > 640
    assert differences() == []
