"""Every example of the CommonMark specification: our mail says the same, in the same structure, or refuses it by name."""

from __future__ import annotations

import pytest

from tests.support.commonmark import KEPT, Skeleton, differences, examples


@pytest.mark.skipif(not KEPT.exists(), reason="`make test-mail` fetches the examples, and runs this in any case")
def test_every_example_of_the_specification_says_what_it_should_or_is_refused_by_name() -> None:
    assert len(examples()) > 640
    assert differences() == []


def test_the_comparison_sees_what_it_should() -> None:
    assert Skeleton("<p>a</p><p>b</p>").found == ["a b"]
    assert Skeleton("<ul><li>a</li></ul>").found != Skeleton("<ul></ul><p>a</p>").found
    assert Skeleton("<p>a<em>b</em></p>").found != Skeleton("<p>a <em>c</em></p>").found
    assert Skeleton("<pre><code>a\n\n  b\n</code></pre>").found == ["<pre>", "a\n\n  b", "</pre>"]
    assert Skeleton('<a href="/%C3%A4">x</a>').found == Skeleton('<a href="/ä">x</a>').found
    assert Skeleton('<ol start="3"><li>a</li></ol>').found[0] == "<ol 3>"
