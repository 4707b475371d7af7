"""`visavis sheet`: an avatar's hard moments on one picture: closed lips, teeth, a blink, a turned head.

What is spoken goes through the same voice, motion and renderer as a conversation, and its pictures are chosen by the
times of the sounds, never by how they look.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from engines import TTS, Gesture, Motion, RemoteTTS, Renderer
from engines.media import ARKIT_NAMES, BLENDSHAPES, COEFFS, SAMPLES_PER_FRAME, Coeffs, TimedPhone
from engines.motion.compose import compose
from server.show import TURN_DEGREES, rgb

COLUMNS = 8
CLOSURES = "Please bring my papa a big map."
"""Eight sounds that close the lips."""
TEETH = "She sees these trees."
"""Half a second of one spread mouth: teeth that swim would show."""
BLINK = (0.0, 0.3, 0.6, 0.9, 1.0, 0.7, 0.4, 0.1)
"""How far the lids are down; one that lasts eight frames."""
TURNS = (-12, -9, -6, -3, 3, 6, 9, 12)
"""Degrees of yaw."""
assert max(TURNS) == TURN_DEGREES
TILTS = (("down", 8, 0), ("up", -8, 0), ("to her right", 0, 6), ("to her left", 0, -6))
"""Degrees of pitch and roll: three quarters of what an avatar is trained on."""
FACES = (
    ("jaw open", {"jawOpen": 0.6}),
    ("joy", {"mouthSmileLeft": 0.8, "mouthSmileRight": 0.8, "cheekSquintLeft": 0.6, "cheekSquintRight": 0.6}),
    ("surprise", {"browInnerUp": 0.8, "eyeWideLeft": 0.7, "eyeWideRight": 0.7, "jawOpen": 0.25}),
    ("pucker", {"mouthPucker": 0.8, "mouthFunnel": 0.3}),
)

Tile = tuple[str, NDArray[np.uint8]]
"""Words, and uint8[512, 512, 3], sRGB."""


def tiles(tts: TTS | RemoteTTS, motion: Motion, renderer: Renderer) -> list[Tile]:
    """The sheet's pictures, `COLUMNS` a row.

    Raises:
        ValueError: the voice doesn't know when its sounds are.
        SpeechError: it failed.
    """
    faces = [*_closing(tts, motion), *_spread(tts, motion), *_given()]
    return [(words, rgb(renderer.render(face))) for words, face in faces]


def _spoken(tts: TTS | RemoteTTS, motion: Motion, text: str) -> tuple[list[Coeffs], list[TimedPhone]]:
    """The faces of a phrase, one a frame, and its phones."""
    phones: list[TimedPhone] = []
    stream = motion.stream()
    gestures: list[Gesture] = []
    chunks = tts.synthesize(text)
    if not isinstance(chunks, Iterator):
        raise ValueError("a voice on another server tells no sounds' times: take the neural one, tts.provider=neural")
    for chunk in chunks:
        phones += chunk.phones
        gestures += stream.push(chunk)
    gestures += stream.flush()
    if not phones:
        raise ValueError("this voice tells no sounds' times: take the neural one, tts.provider=neural")
    still = np.zeros(COEFFS, np.float32)
    return [compose(still, gesture.coeffs) for gesture in gestures], phones


def _closing(tts: TTS | RemoteTTS, motion: Motion) -> Iterator[tuple[str, Coeffs]]:
    """The middle of each p, b and m."""
    faces, phones = _spoken(tts, motion, CLOSURES)
    closing = [phone for phone in phones if phone.symbol in ("P", "B", "M")]
    for number, phone in enumerate(closing[:COLUMNS], 1):
        middle = int((phone.start + phone.end) / 2 // SAMPLES_PER_FRAME)
        yield f"{phone.symbol.lower()}, {number} of {len(closing)}", faces[min(middle, len(faces) - 1)]


def _spread(tts: TTS | RemoteTTS, motion: Motion) -> Iterator[tuple[str, Coeffs]]:
    """Consecutive frames from the first spread vowel on."""
    faces, phones = _spoken(tts, motion, TEETH)
    begins = next((phone.start for phone in phones if phone.symbol == "IY"), 0) // SAMPLES_PER_FRAME
    first = min(int(begins), max(0, len(faces) - COLUMNS))
    for number, face in enumerate(faces[first : first + COLUMNS]):
        yield f"teeth, +{40 * number} ms", face


def _given() -> Iterator[tuple[str, Coeffs]]:
    """A blink, turns and tilts of the head, and a few faces."""
    for down in BLINK:
        yield f"blink {down:.1f}", _face({"eyeBlinkLeft": down, "eyeBlinkRight": down})
    for degrees in TURNS:
        yield f"yaw {degrees:+d}°", _face({}, yaw=degrees)
    for words, pitch, roll in TILTS:
        yield words, _face({}, pitch=pitch, roll=roll)
    for words, shapes in FACES:
        yield words, _face(shapes)


def _face(shapes: dict[str, float], yaw: float = 0, pitch: float = 0, roll: float = 0) -> Coeffs:
    coeffs = np.zeros(COEFFS, np.float32)
    for name, value in shapes.items():
        coeffs[ARKIT_NAMES.index(name)] = value
    coeffs[BLENDSHAPES : BLENDSHAPES + 3] = np.radians((yaw, pitch, roll))
    return coeffs
