"""Spoken and written arithmetic, and number words both ways."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.arithmetic import answer_sum
from engines.numbers import LARGEST, digits_in_words, in_words, read_number

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("what is twelve times 7", "12 times 7 is 84."),
        ("15 percent of 80", "15 percent of 80 is 12."),
        ("What's 15% of 80?", "15 percent of 80 is 12."),
        ("3+4=?", "3 plus 4 is 7."),
        ("what is two and two", "2 plus 2 is 4."),
        ("how much is two plus two times two", "2 plus 2 times 2 is 6."),
        ("(3 + 4) * 2", "That makes 14."),
        ("add three and four and five", "3 plus 4 plus 5 is 12."),
        ("subtract 3 from ten", "10 minus 3 is 7."),
        ("multiply six by seven please", "6 times 7 is 42."),
        ("half of ninety", "Half of 90 is 45."),
        ("twice a dozen", "Twice 12 is 24."),
        ("can you tell me what twenty-one divided by three is", "21 divided by 3 is 7."),
        ("what is the square root of 16", "The square root of 16 is 4."),
        ("square root of two", "The square root of 2 is about 1.414."),
        ("two to the power of ten", "2 to the power of 10 is 1024."),
        ("seven squared", "7 squared is 49."),
        ("what is ten over three", "10 divided by 3 is about 3.333."),
        ("two plus too", "2 plus 2 is 4."),
        ("what is five minus nine", "5 minus 9 is minus 4."),
        ("one point five times two", "1.5 times 2 is 3."),
        ("a hundred and five minus 5", "105 minus 5 is 100."),
        ("1,234,567 × 2", "1234567 times 2 is 2469134."),
        ("1/3", "1 divided by 3 is about 0.3333."),
        ("10 mod 3", "10 modulo 3 is 1."),
    ],
)
def test_sums_are_answered(asked: str, said: str) -> None:
    assert answer_sum(asked) == said


@pytest.mark.parametrize(
    "text",
    ["", "hello", "what is 5", "what is the time", "one two three", "is x over", "1e5", "()", "2 +", "* 3", "and",
     "(2 + 3", "how are you and you", "what is the sum of it", "call 555-1234 now or never", "ten percent"],
)  # fmt: skip
def test_other_text_is_no_sum(text: str) -> None:
    assert answer_sum(text) is None


def test_what_has_no_result_is_told() -> None:
    for asked in ("ten divided by zero", "0/0", "5 mod 0", "zero to the power of minus one"):
        assert "divided by zero" in str(answer_sum(asked))
    for asked in ("9^9^9", "2^1000", "999999999999999 * 999999999999999", "9" * 20 + " + 1"):
        assert "too large" in str(answer_sum(asked))
    assert "no real square root" in str(answer_sum("square root of minus four"))


def test_a_sum_goes_on_from_the_last_result() -> None:
    assert answer_sum("and times two?", "12 times 7 is 84.") == "84 times 2 is 168."
    assert answer_sum("plus 5", "5 minus 9 is minus 4.") == "Minus 4 plus 5 is 1."
    assert answer_sum("plus 5", "It's noon.") == answer_sum("plus 5")


@settings(deadline=None)
@given(st.text(alphabet="0123456789+-*/^()%. ", max_size=40) | st.text(max_size=40))
def test_nothing_raises(text: str) -> None:
    said = answer_sum(text)
    assert said is None or said.endswith((".", "no."))


@settings(deadline=None)
@given(st.integers(-(10**6), 10**6), st.integers(-(10**6), 10**6))
def test_sums_are_right(left: int, right: int) -> None:
    said = str(answer_sum(f"{left} - ({right})"))
    assert said.endswith(f" {left - right}.".replace("-", "minus "))


@settings(deadline=None)
@given(st.integers(0, LARGEST - 1))
def test_numbers_survive_being_said(value: int) -> None:
    words = in_words(value).split()
    assert read_number(words, 0) == (Fraction(value), len(words))


def test_digits_that_are_no_number_are_spelt() -> None:
    assert digits_in_words("007") == "zero zero seven"
    assert digits_in_words("1" * 17) == " ".join(["one"] * 17)
    with pytest.raises(ValueError, match="outside"):
        in_words(-1)
    assert read_number(["a", "cat"], 0) is None
    assert read_number([], 0) is None
    assert read_number(["two", "point"], 0) == (Fraction(2), 1)
