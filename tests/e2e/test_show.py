"""`visavis show`: half a minute of her, as a film and as a sheet of pictures."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image as Picture

from engines.fake import FakeMotion, FakeTTS
from engines.media import FPS, Coeffs, Image
from engines.motion.idle import IdleBody
from server.show import SCENES, TURN_DEGREES, show
from tests.witness import Witness
from training.contact_sheet import contact_sheet

pytestmark = pytest.mark.e2e


def test_a_film_of_every_scene(tmp_path: Path) -> None:
    path, witness = tmp_path / "her.mp4", Witness()
    seconds, stills = show(path, FakeTTS(), FakeMotion(), IdleBody(), witness, stills_per_s=2)
    assert {words.split("  ")[1] for words, _ in stills} == {scene.name for scene in SCENES}
    with av.open(str(path)) as film:
        assert sum(1 for _ in film.decode(video=0)) == round(seconds * FPS) == len(witness.seen)
    faces = np.stack(witness.seen)
    assert np.degrees(faces[:, 52].max()) > TURN_DEGREES - 2
    assert np.degrees(faces[:, 52].min()) < 2 - TURN_DEGREES
    assert np.degrees(np.abs(np.diff(faces[:, 52:55], axis=0)).max()) < 2
    assert not list(tmp_path.glob(".*"))
    contact_sheet(stills, 8, tmp_path / "her.png")
    with Picture.open(tmp_path / "her.png") as sheet:
        assert sheet.width == 8 * 256
        assert sheet.height >= len(stills) / 8 * 256


def test_a_film_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    class Broken(Witness):
        def render(self, coeffs: Coeffs) -> Image:
            if len(self.seen) > 20:
                raise OSError("no space left")
            return super().render(coeffs)

    with pytest.raises(OSError, match="no space"):
        show(tmp_path / "her.mp4", FakeTTS(), FakeMotion(), IdleBody(), Broken(), stills_per_s=2)
    assert not list(tmp_path.iterdir())


def test_a_sheet_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="needs pictures"):
        contact_sheet([], 8, tmp_path / "her.png")
