"""Speech to the mouth by a small causal network, one picture (40 ms) at a time.

Two convolutions over what `features` hears at 100 Hz, one that steps down to 25 Hz, then residual dilated convolutions:
0.6 s of the past and `LOOKAHEAD` blocks of what is to come, which is why the mouth of frame k is known when block
k + LOOKAHEAD has been heard. How far the mouth opens is shared with a linear model of a quarter of a second, which
knows less of the words that the network was taught, and therefore more of other people.

It is plain numpy: at this size a step costs less than handing it to a runtime would, and a block is always computed by
itself, so that the result never depends on how the audio was cut into chunks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from engines.media import ARKIT_NAMES, COEFFS, Coeffs, Pcm
from engines.mel import BANDS
from engines.motion.features import FEATURES, HEARD, STEPS, Heard, after_pause, begin, hear

LOOKAHEAD = 2
"""Blocks (80 ms) heard beyond the end of the frame whose mouth is wanted."""

LIPS = (
    "jawOpen", "mouthClose", "mouthFunnel", "mouthPucker", "mouthLowerDown", "mouthUpperUp", "mouthStretch",
    "mouthSmile", "mouthPress", "mouthRollLower", "mouthRollUpper", "mouthShrugUpper", "mouthDimple", "mouthFrown",
)  # fmt: skip
"""What the network tells, in order: ARKit shapes, both sides alike. A speaker's tracked face shows no others: cheeks
and a sideways jaw hardly move in speech."""

FRONT, WIDTH, NARROW = 48, 96, 80
"""Channels at 100 Hz, at 25 Hz, and inside a residual block."""
KERNEL = 5
"""Steps that each of the first two convolutions sees."""
POOLED = 6
"""Blocks that the linear part sees: `LOOKAHEAD` after the frame that it answers for, and three before it."""
FILE = Path(__file__).parent.parent / "data" / "motion.npz"

Lips = NDArray[np.float32]
"""float32[14], in the order of `LIPS`."""


_MOST_DILATION, _MOST_BLOCKS = 8, 8


def shapes(blocks: int) -> dict[str, tuple[int, ...]]:
    """The arrays of a model file with so many residual blocks.

    `dilations` says by how many pictures each block's three taps are apart.
    """
    found: dict[str, tuple[int, ...]] = {
        "spectrum": (BANDS,),
        "dilations": (blocks,),
        "linear.weight": (POOLED * HEARD, len(LIPS)),
        "linear.bias": (len(LIPS),),
        "linear.share": (len(LIPS),),
        "enter.weight": (KERNEL * FEATURES, FRONT),
        "enter.bias": (FRONT,),
        "front.weight": (KERNEL * FRONT, FRONT),
        "front.bias": (FRONT,),
        "down.weight": (STEPS * FRONT, WIDTH),
        "down.bias": (WIDTH,),
        "out.weight": (WIDTH, len(LIPS)),
        "out.bias": (len(LIPS),),
    }
    for index in range(blocks):
        found |= {
            f"block{index}.first.weight": (3 * WIDTH, NARROW),
            f"block{index}.first.bias": (NARROW,),
            f"block{index}.second.weight": (NARROW, WIDTH),
            f"block{index}.second.bias": (WIDTH,),
        }
    return found


@dataclass(frozen=True, slots=True)
class State:
    """What the network remembers between two steps; a plain value.

    Attributes:
        heard: of the voice. entered: float32[KERNEL - 1, FEATURES]. fronted: float32[KERNEL - 1, FRONT].
        blocks: for each residual block float32[2 · dilation, WIDTH]. pooled: float32[POOLED - 1, HEARD].
    """

    heard: Heard
    entered: NDArray[np.float32]
    fronted: NDArray[np.float32]
    blocks: tuple[NDArray[np.float32], ...]
    pooled: NDArray[np.float32]


class MotionModel:
    """The network's weights; holds no state, so that any number of conversations share it."""

    def __init__(self, arrays: dict[str, NDArray[np.float32]]) -> None:
        """
        Raises:
            ValueError: an array is missing, has another shape than `shapes` tells, or isn't finite.
        """
        dilations = arrays.get("dilations", np.zeros(0))
        self._dilations = tuple(int(dilation) for dilation in dilations.ravel()[:_MOST_BLOCKS])
        if not all(1 <= dilation <= _MOST_DILATION for dilation in self._dilations):
            raise ValueError("the motion model's dilations are none: train it again")
        wanted = shapes(len(self._dilations))
        for name, shape in wanted.items():
            if name not in arrays:
                raise ValueError(f"the motion model lacks {name}: train it again with this version")
            if arrays[name].shape != shape or not np.isfinite(arrays[name]).all():
                raise ValueError(f"the motion model's {name} is not {shape} finite numbers: train it again")
        self._arrays = {name: np.ascontiguousarray(arrays[name], np.float32) for name in wanted}

    @cached_property
    def start(self) -> State:
        """Before anything was heard: what the network remembers of silence."""
        state = State(
            begin(self._arrays["spectrum"]),
            np.zeros((KERNEL - 1, FEATURES), np.float32),
            np.zeros((KERNEL - 1, FRONT), np.float32),
            tuple(np.zeros((2 * dilation, WIDTH), np.float32) for dilation in self._dilations),
            np.zeros((POOLED - 1, HEARD), np.float32),
        )
        return state

    def phrase(self, last: State | None) -> State:
        """At the start of a phrase; of the phrase before only the voice is remembered."""
        start = self.start
        return replace(start, heard=after_pause(last.heard)) if last else start

    def step(self, state: State, pcm: Pcm, phones: NDArray[np.float32]) -> tuple[State, Lips, NDArray[np.float32]]:
        """One block.

        Args:
            pcm: int16[960].
            phones: float32[STEPS, classes + 1], of `features.read_phones`.

        Returns:
            What is now remembered, the mouth of the frame `LOOKAHEAD` blocks before this one, 0..1, and what was
            heard of the block, float32[STEPS, HEARD].
        """
        heard, sound = hear(state.heard, pcm)
        entered = np.concatenate([state.entered, np.concatenate([sound, phones], axis=1)])
        first = np.maximum(self._over_steps("enter", entered), 0)
        fronted = np.concatenate([state.fronted, first])
        second = first + np.maximum(self._over_steps("front", fronted), 0)
        x = np.maximum(self._dense("down", second.reshape(-1)), 0)
        kept: list[NDArray[np.float32]] = []
        for index, (past, dilation) in enumerate(zip(state.blocks, self._dilations, strict=True)):
            seen = np.concatenate([past, x[None]])
            inner = np.maximum(self._dense(f"block{index}.first", seen[::dilation].reshape(-1)), 0)
            x = x + self._dense(f"block{index}.second", inner)
            kept.append(seen[1:])
        pooled = np.concatenate([state.pooled, sound.mean(0, keepdims=True)])
        share = self._arrays["linear.share"]
        lips = np.clip(self._dense("out", x), 0, 1) * (1 - share)
        lips += np.clip(self._dense("linear", pooled.reshape(-1)), 0, 1) * share
        return State(heard, entered[STEPS:], fronted[STEPS:], tuple(kept), pooled[1:]), lips, sound

    def _dense(self, name: str, x: NDArray[np.float32]) -> NDArray[np.float32]:
        return x @ self._arrays[f"{name}.weight"] + self._arrays[f"{name}.bias"]

    def _over_steps(self, name: str, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """A causal convolution: [KERNEL - 1 + STEPS, channels] to [STEPS, …]."""
        channels = x.shape[1]
        windows = np.lib.stride_tricks.as_strided(x, (STEPS, KERNEL * channels), (x.strides[0], x.strides[1]))
        return self._dense(name, windows)


def load_model(path: Path = FILE) -> MotionModel:
    """
    Raises:
        ValueError: the file is missing or is no motion model; the message says what to do.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name].astype(np.float32) for name in stored.files if name in shapes(_MOST_BLOCKS)}
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        raise ValueError(f"{path} is no motion model ({error}): install it again, or train one") from error
    return MotionModel(arrays)


_SPREAD = np.zeros((len(LIPS), COEFFS), np.float32)
for _row, _stem in enumerate(LIPS):
    for _column, _name in enumerate(ARKIT_NAMES):
        _SPREAD[_row, _column] = _name.startswith(_stem)


def expand(lips: Lips) -> Coeffs:
    """float32[14] to float32[58]: both sides alike."""
    return lips @ _SPREAD
