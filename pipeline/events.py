"""What a session tells its client, in the order it happens. `server/realtime/` gives each its wire form."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from engines import Mood
from engines.media import Coeffs, Pcm
from pipeline.conversation import Item
from pipeline.options import Modality, ResponseRequest

ResponseStatus = Literal["in_progress", "completed", "cancelled", "failed", "incomplete"]


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The user began to speak. Times are positions in the microphone's own stream."""

    item_id: str
    audio_start_ms: int
    """Where the utterance's audio begins: the kept prefix before the onset."""


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    item_id: str
    audio_end_ms: int


@dataclass(frozen=True, slots=True)
class AudioCommitted:
    item_id: str
    previous_item_id: str | None


@dataclass(frozen=True, slots=True)
class AudioCleared:
    """The uncommitted microphone audio was thrown away, as asked."""


@dataclass(frozen=True, slots=True)
class ItemAdded:
    item: Item
    previous_item_id: str | None


@dataclass(frozen=True, slots=True)
class ItemDone:
    item: Item
    previous_item_id: str | None


@dataclass(frozen=True, slots=True)
class ItemDeleted:
    item_id: str


@dataclass(frozen=True, slots=True)
class ItemTruncated:
    """The item's history now ends where its hearer stopped hearing."""

    item_id: str
    audio_end_ms: int


@dataclass(frozen=True, slots=True)
class InputTranscriptDelta:
    item_id: str
    delta: str


@dataclass(frozen=True, slots=True)
class InputTranscriptCompleted:
    item_id: str
    transcript: str
    seconds: float
    """Length of the audio."""


@dataclass(frozen=True, slots=True)
class InputTranscriptFailed:
    item_id: str
    message: str


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens in and out, counted as the language model streamed them."""

    input_tokens: int = 0
    output_tokens: int = 0


@dataclass(frozen=True, slots=True)
class ResponseCreated:
    response_id: str
    request: ResponseRequest
    modalities: tuple[Modality, ...]


@dataclass(frozen=True, slots=True)
class OutputItemAdded:
    """The response's one message begins; its content part is announced with it."""

    response_id: str
    item: Item
    previous_item_id: str | None


@dataclass(frozen=True, slots=True)
class OutputAudioStarted:
    """The first sample of the response leaves (WebRTC)."""

    response_id: str


@dataclass(frozen=True, slots=True)
class OutputAudioStopped:
    """The last sample of the response has left (WebRTC)."""

    response_id: str


@dataclass(frozen=True, slots=True)
class OutputAudioCleared:
    """What was still to be heard was dropped (WebRTC)."""

    response_id: str | None


@dataclass(frozen=True, slots=True)
class OutputAudioDelta:
    """Samples for a client without a media track (int16, `SAMPLE_RATE`, at most 200 ms)."""

    response_id: str
    item_id: str
    pcm: Pcm


@dataclass(frozen=True, slots=True)
class OutputTextDelta:
    """Words of the reply: the transcript of its audio, or, without audio, the text itself."""

    response_id: str
    item_id: str
    delta: str


@dataclass(frozen=True, slots=True)
class OutputItemDone:
    """The message is whole (or cut): its audio, transcript, content part and item are done."""

    response_id: str
    item: Item


@dataclass(frozen=True, slots=True)
class ResponseDone:
    response_id: str
    request: ResponseRequest
    modalities: tuple[Modality, ...]
    status: ResponseStatus
    reason: str | None
    """`turn_detected`, `client_cancelled` (cancelled); `max_output_tokens` (incomplete); a message (failed)."""
    item: Item | None
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True, slots=True)
class Moved:
    """The face in the frame that left just now."""

    pts: int
    """Of its first sample, in samples at `SAMPLE_RATE`."""
    response_id: str | None
    """Whose speech it carries."""
    coeffs: Coeffs
    """float32[58]."""


@dataclass(frozen=True, slots=True)
class TagIgnored:
    """A reply holds a tag that has no meaning. Told once a session for each."""

    tag: str
    """As it was written."""


@dataclass(frozen=True, slots=True)
class StateChanged:
    mood: Mood


@dataclass(frozen=True, slots=True)
class TurnTiming:
    """A turn's spans in milliseconds from `start`: the speech end of a spoken turn, else the request.

    None where it did not happen. Sent when the first picture leaves, and again, complete, when the turn ends.
    """

    response_id: str
    spoken: bool
    final: bool
    decided_ms: float | None
    """End of turn decided."""
    transcript_ms: float | None
    first_token_ms: float | None
    first_phrase_ms: float | None
    first_audio_ms: float | None
    """First samples made."""
    first_audio_out_ms: float | None
    """First samples released to the network."""
    first_frame_out_ms: float | None
    """First picture of the speech released."""
    interrupt_to_silence_ms: float | None
    """Interruption asked for to last voiced sample released."""
    ducked_ms: float | None = None
    """Her voice stepped back for somebody who may be starting to speak; the last time it did."""
    interrupted_ms: float | None = None
    """Interruption asked for, or decided."""
    start_s: float = 0.0
    """`start` on the server's monotonic clock, which `visavis.clock` reads."""
    first_motion_ms: float | None = None
    """First frame of motion made."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A request that could not be met; the session lives on."""

    message: str
    code: str | None = None
    """A Realtime code where one fits, such as `response_cancel_not_active`."""
    param: str | None = None


SessionEvent = (
    SpeechStarted
    | SpeechStopped
    | AudioCommitted
    | AudioCleared
    | ItemAdded
    | ItemDone
    | ItemDeleted
    | ItemTruncated
    | InputTranscriptDelta
    | InputTranscriptCompleted
    | InputTranscriptFailed
    | ResponseCreated
    | OutputItemAdded
    | OutputAudioStarted
    | OutputAudioStopped
    | OutputAudioCleared
    | OutputAudioDelta
    | OutputTextDelta
    | OutputItemDone
    | ResponseDone
    | Moved
    | TagIgnored
    | StateChanged
    | TurnTiming
)
