"""Text from JSON and from language models: halves of characters never reach an encoder."""

from __future__ import annotations

import random

import pytest

from engines.unicode import SurrogateJoiner, repair

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("text", "repaired"),
    [
        ("", ""),
        ("plain", "plain"),
        ("Grüße 🙂", "Grüße 🙂"),
        ("\ud83d\ude42", "🙂"),
        ("\ud83d", "\ufffd"),
        ("a\ude42b\ud83dc", "a\ufffdb\ufffdc"),
        ("\ufeffé", "\ufeffé"),
    ],
)
def test_halves_are_joined_or_replaced(text: str, repaired: str) -> None:
    assert repair(text) == repaired


def test_an_emoji_split_over_two_deltas_is_whole() -> None:
    joiner = SurrogateJoiner()
    assert [joiner.feed(piece) for piece in ("Hi \ud83d", "", "\ude42!", "\ud83d")] == ["Hi ", "", "🙂!", ""]
    assert joiner.flush() == "\ufffd"
    assert joiner.flush() == ""


@pytest.mark.parametrize("seed", range(20))
def test_any_cut_gives_the_text_as_a_whole_would(seed: int) -> None:
    dice = random.Random(seed)
    text = "".join(dice.choices("aé\ud83d\ude42\ud800\udfff\ufeff\U0001f9d1", k=60))
    cuts = sorted(dice.choices(range(61), k=12))
    joiner = SurrogateJoiner()
    pieces = [text[start:end] for start, end in zip([0, *cuts], [*cuts, 60], strict=True)]
    out = "".join(joiner.feed(piece) for piece in pieces) + joiner.flush()
    assert out == repair(text)
    out.encode()
