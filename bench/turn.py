"""`visavis bench turn`: ask by text and by voice, and measure what comes back on every clock.

The keys, in milliseconds unless they say otherwise, each with `_p50`, `_p90`, `_p95`, `_p99` and `_n` (null where there
are too few samples for a percentile); spoken turns have the prefix `spoken_`:

- `first_audio_ms` (wire): from `response.create`, or the last voiced sample spoken into the microphone, to the packet
  with the first voiced sample of the answer.
- `first_frame_ms` (face): from the same moment to the first picture in which the mouth moves. It may come before the
  sound: lips lead. `frames_not_found` counts turns without one. `tagged_frames`: pictures between the one that the
  server calls the answer's first and the one that the pixels tell.
- `first_frame_after_audio_ms`: the difference of the two, turn by turn.
- `server_*_ms`: the server's own moments, on the user's clock; `stage_*_ms`: what lies between them.
- `interrupt_to_silence_ms`: from `response.cancel` and `output_audio_buffer.clear` to the last voiced packet. They are
  sent in the middle of a word.
- `av_offset_ms`: magnitude of a picture's arrival minus that of the sound of the same media time.
  `av_content_offset_ms`: the mouth's opening behind the voice's loudness, on the media's own clock.
- `pacing_error_ms`: each picture's interval to the one before, minus 40 ms, as a magnitude, while she spoke.
- `distinct_fps`, `longest_gap_ms`, `browser_*`: what real Chromium played and showed.
- `bench_lag_ms`: how late the bench's own event loop was, which blurs what arrives.
- `late_frames`, `underruns`: the server's own counters. `server_rss_mb`, `server_cpu_cores`, `server_threads`: of a
  server that the bench started.
"""

from __future__ import annotations

from bench.browser import watch_speech
from bench.conversation import Conversation, interruption_samples, turn_samples, waterfalls
from bench.resources import watching
from bench.result import Result
from bench.run import Told
from bench.script import Script
from bench.serverproc import Server, more
from bench.userproc import perform_apart

TYPED = (
    "Hello, who are you?",
    "What can you do for me?",
    "How do you work?",
    "Can I interrupt you?",
    "Which language model do you use?",
    "Do you store what I say?",
    "What is Visavis?",
    "How can I connect my own model?",
)

SPOKEN = (
    "What is Visavis?",
    "How do you work?",
    "Can I interrupt you?",
    "Who are you?",
    "What can you do?",
)
"""Questions that the knowledge file answers, so that the domain decoder knows their words."""

BROWSER_TURNS = 8
"""Answers that Chromium begins to hear: enough for a median."""

IDLE_S = 2.5
"""Seconds of a silent face from which its stillness is learnt."""

LISTEN_S = 1.2
"""Seconds of her voice before a turn is interrupted: past the first phrase's start, before a short reply's end."""


def conversation(turns: int, spoken: int) -> Script:
    """A silent face, one whole answer, which is not measured, and then the turns."""
    stop = {"interrupt": {"after": LISTEN_S, "by": "request"}}
    return Script.model_validate(
        {
            "steps": [
                {"silence": IDLE_S},
                {"type": TYPED[0]},
                {"listen": "end"},
                {"repeat": turns, "steps": [{"type": list(TYPED)}, stop]},
                {"repeat": spoken, "steps": [{"say": list(SPOKEN)}, stop]},
                {"silence": 0.5},
            ]
        }
    )


async def measure(server: Server, told: Told, *, script: Script, browser_s: float) -> Result:
    """A conversation whose first answer is not measured, on one call; then Chromium.

    Args:
        browser_s: seconds of her speech that Chromium watches; 0 for none.

    Raises:
        BenchError: the server can't be reached, refuses, or stays silent.
    """
    before = await server.counters()
    async with watching(server.pid) as usage:
        recording = await perform_apart(server.url, server.key, server.protocol, script, told)
    talk = Conversation(recording)
    typed, said = talk.turns(spoken=False, skip=1), talk.turns(spoken=True)
    samples, figures = turn_samples(typed, "")
    spoken_samples, spoken_figures = turn_samples(said, "spoken_")
    samples |= spoken_samples
    figures |= spoken_figures
    first_spoken = min((answer.at["asked"] for answer in said), default=float("inf"))
    for prefix, inside in (("", lambda at: at < first_spoken), ("spoken_", lambda at: at >= first_spoken)):
        stops = [one for one in talk.barge_ins if not one.by_voice and inside(one.onset)]
        spans = interruption_samples(stops, "")
        samples[f"{prefix}interrupt_to_silence_ms"] = spans.get("onset_to_silence_ms", [])
    media_samples, media_figures = talk.media()
    watched = await watch_speech(server.url, server.key, browser_s, BROWSER_TURNS) if browser_s else None
    figures["distinct_fps"] = watched.shown.distinct_fps if watched else None
    figures["longest_gap_ms"] = watched.shown.longest_gap_ms if watched else None
    if watched is not None:
        samples |= watched.samples
        figures |= watched.figures
    figures["spoken_understood"] = talk.understood()
    figures |= media_figures | more(before, await server.counters()) | usage.figures("server")
    if figures["server_rss_mb"] is None:
        figures["server_rss_mb"] = await server.resident_mb()
    return Result(
        "turn",
        samples | media_samples,
        figures,
        waterfalls=waterfalls(typed, "typed") + waterfalls(said, "spoken"),
        notes=[talk.note] if talk.note else [],
    )
