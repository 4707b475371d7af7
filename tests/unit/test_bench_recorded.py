"""A turn's recording: what is read back is what was made; and what counted time makes of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.compare import REPLIES, _result, default_python, find
from bench.inbox import BenchError
from bench.inside.recorded import Piece, RecordedModel, RecordedTurn, RecordedVoice, record
from engines.fake import FakeTTS
from engines.media import AudioChunk, TimedPhone, TimedWord

pytestmark = pytest.mark.unit


def turn() -> RecordedTurn:
    word, phone = TimedWord("Yes", 0, 480, 3), TimedPhone("Y", 0, 240, 1)
    pieces = [
        Piece(0.05, AudioChunk(np.arange(480, dtype=np.int16), (word,), (phone,))),
        Piece(0.01, AudioChunk(np.full(100, 7, np.int16))),
    ]
    return RecordedTurn([(0.0, "Yes."), (0.2, " No.")], {"Yes.": pieces, " No.": [pieces[1]]})


def test_a_recording_is_read_back_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "turn.npz"
    turn().save(path)
    back = RecordedTurn.load(path)
    assert back.tokens == turn().tokens
    assert list(back.phrases) == ["Yes.", " No."]
    for text, pieces in turn().phrases.items():
        for one, other in zip(pieces, back.phrases[text], strict=True):
            assert (one.after_s, one.chunk.words, one.chunk.phones) == (
                other.after_s, other.chunk.words, other.chunk.phones,
            )  # fmt: skip
            np.testing.assert_array_equal(one.chunk.pcm, other.chunk.pcm)


@pytest.mark.parametrize("content", [b"", b"no recording at all"])
def test_what_is_no_recording_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "turn.npz"
    path.write_bytes(content)
    with pytest.raises(BenchError, match=r"turn\.npz"):
        RecordedTurn.load(path)


async def test_what_is_recorded_is_what_was_written_and_spoken() -> None:
    reply = "Well, of course I can. Here is a second sentence of some length."
    made = await record(reply, 20.0, FakeTTS(chunk_s=0.01))
    assert "".join(token for _, token in made.tokens) == "".join(made.phrases) == reply
    assert [at for at, _ in made.tokens] == pytest.approx([k / 20 for k in range(len(made.tokens))])
    words = [piece.chunk.words[0].text for pieces in made.phrases.values() for piece in pieces]
    assert words == reply.split()


async def test_tokens_and_chunks_come_again_when_they_came() -> None:
    import asyncio

    clock = asyncio.get_running_loop().time
    began = clock()
    assert [(clock() - began, token) async for token in RecordedModel(turn()).stream([])] == [
        (pytest.approx(at), token) for at, token in turn().tokens
    ]
    voice = RecordedVoice(turn())
    began = clock()
    assert [clock() - began async for _ in voice.synthesize("Yes.")] == pytest.approx([0.05, 0.06])
    assert [chunk async for chunk in voice.synthesize("Maybe.")] == []
    assert voice.unknown == "Maybe."


async def test_a_missing_pipecat_is_told_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="--install"):
        await find(tmp_path / "python")


def test_ratios_are_of_medians_over_all_rounds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def run(added: list[float], silence: float, rss: float) -> dict[str, object]:
        return {"added_ms": added, "silence_ms": [silence], "rss_mb": rss, "idle_cpu_cores": 0.01, "version": "1.14.0"}

    found = _result(
        {
            "compare": [run([100, 110], 40, 80), run([120], 40, 80)],
            "pipecat": [run([200, 220], 20, 100), run([240], 20, 100)],
            "pipecat_token": [run([5], 20, 100)],
        }
    )
    assert found.figures["compare_added_latency_ratio"] == 0.5
    assert found.figures["compare_silence_ratio"] == 2.0
    assert found.figures["compare_rss_ratio"] == 0.8
    assert found.samples["compare_added_latency_ms"] == [100, 110, 120]
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_python() == tmp_path / "visavis/pipecat/bin/python"
    assert len(set(REPLIES)) == len(REPLIES)
