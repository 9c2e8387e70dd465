"""Codes: a slip of the finger is noticed, and never makes another reader's code."""

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from worker.domain.referral_code import ALPHABET, LENGTH, as_typed, check_letter, draw_code, is_mistyped

codes = st.text(ALPHABET, min_size=LENGTH - 1, max_size=LENGTH - 1).map(lambda drawn: drawn + check_letter(drawn))


def test_a_drawn_code_is_short_and_passes_its_own_check():
    drawn = {draw_code() for _ in range(500)}
    assert len(drawn) == 500
    assert all(len(code) == LENGTH and set(code) <= set(ALPHABET) and not is_mistyped(code) for code in drawn)


@given(codes)
def test_every_single_mistyped_letter_is_noticed(code):
    for place in range(LENGTH):
        for letter in set(ALPHABET) - {code[place]}:
            assert is_mistyped(code[:place] + letter + code[place + 1 :])


@given(codes)
def test_any_two_swapped_letters_are_noticed_wherever_they_stand(code):
    for first, second in combinations(range(LENGTH), 2):
        swapped = list(code)
        swapped[first], swapped[second] = code[second], code[first]
        assert is_mistyped("".join(swapped)) == (code[first] != code[second])


@given(codes)
def test_capitals_and_look_alikes_are_no_slip(code):
    typed = code.upper().replace("1", "L").replace("0", "O")
    assert as_typed(f" {typed} ")[-1] == code
    assert not is_mistyped(typed)


def test_older_and_imported_codes_are_never_called_mistyped():
    for code in ("q7w2m4kz", "k7wq2m", "BeeHiiv_12", "", "x" * 64, "ünïcode12"):
        assert not is_mistyped(code)


def test_what_was_typed_is_looked_for_before_what_is_meant():
    assert as_typed("OIL4you") == ("OIL4you", "0114y0u")
    assert as_typed("q7w2m4kz") == ("q7w2m4kz",)
