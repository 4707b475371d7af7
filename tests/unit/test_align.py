from __future__ import annotations

import numpy as np
import pytest

from engines.align import WordAligner
from engines.tts.espeak import EspeakTTS

pytestmark = pytest.mark.unit

TEXT = "Hello there, my friend; I'm sure that this Visavis works well."


def test_aligned_words_fall_where_the_voice_itself_put_them() -> None:
    chunks = list(EspeakTTS().synthesize(TEXT))
    truth = {word.text_end: word for chunk in chunks for word in chunk.words}
    words = WordAligner().align(TEXT, np.concatenate([chunk.pcm for chunk in chunks]))
    assert " ".join(word.text for word in words) == "Hello there my friend I'm sure that this works well"
    assert words[-1].text_end == len(TEXT)
    # Seven of the ten share their end with a word of the voice; 60 ms is a frame and a half.
    errors = [abs(word.end - truth[word.text_end].end) for word in words if word.text_end in truth]
    assert len(errors) >= 7
    assert np.median(errors) < 0.06 * 24_000


@pytest.mark.parametrize("text", ["", "🎉", "Grzegorz Brzęczyszczykiewicz pojechał", "xqzt vrrp hello"])
def test_what_the_dictionary_does_not_know_gets_no_times(text: str) -> None:
    assert WordAligner().align(text, np.zeros(24_000, np.int16)) == ()
