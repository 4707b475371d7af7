"""The voice's sources in serving and in training are the same."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from engines.tts import source
from engines.tts.model import PROSODY_REACH
from training import voice_source
from training.voice_nets import Block, Prosody

pytestmark = pytest.mark.train

FRAMES = 150


def _tracks() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    hertz = 180 * np.exp(np.cumsum(rng.normal(0, 0.03, FRAMES)))
    return hertz, rng.uniform(0, 1, FRAMES)


def test_prosody_sees_no_farther_than_serving_reads() -> None:
    blocks = [block for block in Prosody().blocks if isinstance(block, Block)]
    assert len(blocks) == len(Prosody().blocks)
    assert max(sum(block.left for block in blocks), sum(block.right for block in blocks)) <= PROSODY_REACH


def test_pulses_agree() -> None:
    hertz, voicing = _tracks()
    at = np.arange(FRAMES * source.HOP)
    ours = source.pulses(source.by_sample(hertz, at))[0] * source.by_sample(voicing, at)
    theirs = voice_source.pulses(torch.tensor(hertz)[None], torch.tensor(voicing)[None])[0].numpy()
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_the_filtered_sound_agrees() -> None:
    rng = np.random.default_rng(4)
    hertz, voicing = (track.astype(np.float32) for track in _tracks())
    filters = rng.normal(0, 0.7, (3, source.BINS, FRAMES)).astype(np.float32)
    noise = np.random.Generator(np.random.SFC64(source._NOISE_SEED)).standard_normal(FRAMES * source.HOP, np.float32)
    vocoder = source.Vocoder(hertz, voicing, np.zeros(FRAMES))
    ours = np.concatenate([vocoder.push(filters), vocoder.flush()])
    theirs = voice_source.synthesize(
        torch.tensor(filters).permute(2, 0, 1)[None],
        torch.tensor(hertz)[None],
        torch.tensor(voicing)[None],
        torch.tensor(noise)[None],
    )[0].numpy()
    assert ours.shape == theirs.shape
    assert np.abs(theirs).max() > 1
    np.testing.assert_allclose(ours, theirs, atol=2e-5)
