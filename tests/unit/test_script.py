from __future__ import annotations

import pytest

from engines.media import TimedWord
from pipeline.script import Script

pytestmark = pytest.mark.unit


def spoken() -> Script:
    """ "Good day, Ada." in 0..2400 (each word 800 samples), then " Bye." in 2400..3200."""
    script = Script()
    phrase = script.begin("Good day, Ada.")
    phrase.samples, phrase.whole = 2400, True
    phrase.words += [TimedWord("Good", 0, 800, 4), TimedWord("day", 800, 1600, 9), TimedWord("Ada", 1600, 2400, 14)]
    phrase = script.begin(" Bye.")
    phrase.samples, phrase.whole = 800, True
    phrase.words.append(TimedWord("Bye", 0, 800, 5))
    return script


@pytest.mark.parametrize(
    ("released", "heard", "captions"),
    [
        (0, "", ""),
        (799, "", "Good"),
        (800, "Good", "Good day,"),
        (2399, "Good day,", "Good day, Ada."),
        (2400, "Good day, Ada.", "Good day, Ada."),
        (2401, "Good day, Ada.", "Good day, Ada. Bye."),
        (3200, "Good day, Ada. Bye.", "Good day, Ada. Bye."),
    ],
)
def test_history_counts_ended_words_and_captions_count_begun_ones(released: int, heard: str, captions: str) -> None:
    script = spoken()
    assert script.heard(released) == heard
    if released:
        assert script.captions(released) == captions


def test_a_voice_without_word_times_is_heard_in_proportion() -> None:
    script = Script()
    phrase = script.begin("one two three four ")
    phrase.samples, phrase.whole = 19_000, True
    # 10 of 19 characters, back to the last whole word.
    assert script.heard(10_000) == "one two"
    assert script.heard(19_000) == "one two three four"


def test_an_unfinished_phrase_is_never_taken_for_whole() -> None:
    script = Script()
    phrase = script.begin("one two three four")
    phrase.samples = 4_000
    # 4 000 of at least 28 000 samples: a seventh of 18 characters, less than the first word.
    assert script.heard(4_000) == ""


def test_a_phrase_without_sound_is_said_when_it_is_reached() -> None:
    script = Script()
    phrase = script.begin("🎉")
    phrase.whole = True
    assert script.heard(0) == "🎉"
