"""The page of an evaluation."""

from __future__ import annotations

import base64
import io
import json
import re
from pathlib import Path

import av
import numpy as np
import pytest

pytest.importorskip("PIL")

from PIL import Image

from training.voice_preview import BAND, GAP, write_preview
from training.voice_report import HEIGHT, SHOWN, Pair, flac, spectrogram, write_page

pytestmark = pytest.mark.train

TONE = (0.1 * np.sin(2 * np.pi * 3000 * np.arange(24_000) / 24_000)).astype(np.float32)


def test_a_tone_is_a_line_at_its_frequency() -> None:
    picture = np.asarray(spectrogram(TONE).convert("RGB")).astype(int).sum(axis=2)
    assert picture.shape == (HEIGHT, 101)
    assert picture[:, 50].argmax() == pytest.approx(HEIGHT * (1 - 3000 / 12_000), abs=2)


def test_flac_keeps_every_sample() -> None:
    with av.open(io.BytesIO(flac(TONE)), "r") as file:
        assert file.streams.audio[0].rate == 24_000
        pcm = np.concatenate([frame.to_ndarray().reshape(-1) for frame in file.decode(audio=0)])
    assert pcm / 32767 == pytest.approx(TONE, abs=2e-5)


def test_the_page_shows_some_pairs_and_lets_no_text_be_markup(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    pairs = [Pair(f"a{n}", "</script><b>bold", TONE[:2400], TONE[:2400], "bold", 1.5) for n in range(30)]
    write_page(path, "A & B", {"wer": 0.125, "mcd": None}, pairs)
    page = path.read_text("utf-8")
    assert "A &amp; B" in page
    assert "<b>" not in page
    assert "<tr><th>wer<td>0.125" in page
    assert "<tr><th>mcd<td>–" in page
    found = re.search(r'<script type="application/json" id="clips">([^<]*)</script>', page)
    assert found is not None
    clips = json.loads(found[1])
    assert len(clips) == SHOWN
    assert clips[0]["text"] == "</script><b>bold"
    assert base64.b64decode(clips[0]["made"])[:4] == b"fLaC"


def test_a_preview_shows_the_recorded_above_the_predicted(tmp_path: Path) -> None:
    mel = np.linspace(-8, 0, 30 * 80).reshape(30, 80)
    write_preview(tmp_path / "a.png", mel, mel - 2)
    with Image.open(tmp_path / "a.png") as preview:
        picture = np.asarray(preview)
    above, below = picture[: 80 * BAND], picture[80 * BAND + GAP :]
    assert above.shape == below.shape == (160, 30, 3)
    assert (picture[80 * BAND : 80 * BAND + GAP] == 255).all()
    assert above[0, -1].sum() > above[-1, -1].sum() > above[-1, 0].sum(), "brighter with time, and from the bottom up"
    assert above.sum() > below.sum(), "2 nepers fainter"
