"""Her motion as events, a client's frames, and what a session's update says of her expression."""

from __future__ import annotations

import json
import random
from typing import Any

import numpy as np
import pytest

from engines.media import BLENDSHAPES, COEFFS
from pipeline import events as ev
from pipeline.options import Expression, SessionOptions
from server.realtime.decode import BadEvent
from server.realtime.encode import Encoder
from server.realtime.motion import FRAMES_PER_S, FrameGate, read_motion_frame
from server.realtime.session import SessionDefaults, SessionSettings
from tests.unit.test_realtime_codec import Client

pytestmark = pytest.mark.unit

FACE = [0.0] * BLENDSHAPES


def frame(**fields: Any) -> dict[str, Any]:
    return {"type": "visavis.motion.frame", "coefficients": FACE, **fields}


def encoder(*events: str, offers: bool = True) -> tuple[Encoder, list[str], list[str]]:
    """With what it sent, and what it offered."""
    settings = SessionSettings(SessionDefaults(SessionOptions(), "visavis", "visavis", "pocketsphinx", 1000))
    settings.update({"visavis": {"events": list(events)}})
    sent: list[str] = []
    offered: list[str] = []
    return Encoder(settings, sent.append, webrtc=True, offer=offered.append if offers else None), sent, offered


def test_motion_is_compact_and_may_be_lost() -> None:
    coeffs = np.random.default_rng(0).random(COEFFS).astype(np.float32)
    writes, sent, offered = encoder("motion")
    writes.emit(ev.Moved(960, "resp_1", coeffs))
    event = json.loads(offered[0])
    assert sent == []
    assert event["type"] == "visavis.motion"
    assert (event["pts"], event["response_id"]) == (960, "resp_1")
    assert event["coefficients"] == pytest.approx(coeffs[:BLENDSHAPES].tolist(), abs=0.0006)
    assert event["pose"] == pytest.approx(coeffs[BLENDSHAPES:].tolist(), abs=0.0001)
    assert len(offered[0]) < 600
    face, pose = read_motion_frame(event)
    assert pose is not None
    assert [*face, *pose] == pytest.approx(coeffs.tolist(), abs=0.001)


@pytest.mark.parametrize(("events", "offers"), [((), True), (("state",), True), (("motion",), False)])
def test_motion_goes_to_nobody_else(events: tuple[str, ...], offers: bool) -> None:
    writes, sent, offered = encoder(*events, offers=offers)
    writes.emit(ev.Moved(0, None, np.zeros(COEFFS, np.float32)))
    assert sent == offered == []


def test_a_tag_without_a_meaning_is_a_warning() -> None:
    writes, sent, _ = encoder("warning")
    writes.emit(ev.TagIgnored("[laughs]"))
    event = json.loads(sent[0])
    assert (event["type"], event["code"], event["tag"]) == ("visavis.warning", "unknown_tag", "[laughs]")
    writes, sent, _ = encoder()
    writes.emit(ev.TagIgnored("[laughs]"))
    assert sent == []


async def test_a_clients_frame_reaches_the_face() -> None:
    client = Client()
    given = [round(k / 51, 3) for k in range(BLENDSHAPES)]
    assert await client.send("visavis.motion.frame", coefficients=given, pose=[0.1, 0, 0, 1, 2, 3]) == []
    assert await client.send("visavis.motion.frame", coefficients=FACE, pose=None) == []
    (face, pose), (still, free) = client.session.asked
    assert face.tolist() == pytest.approx(given)
    assert pose.tolist() == pytest.approx([0.1, 0, 0, 1, 2, 3])
    assert not still.any()
    assert free is None


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"coefficients": None}, "coefficients"),
        ({"coefficients": FACE[1:]}, "coefficients"),
        ({"coefficients": [*FACE, 0.0]}, "coefficients"),
        ({"coefficients": {"jawOpen": 1}}, "coefficients"),
        ({"coefficients": ["0", *FACE[1:]]}, "coefficients"),
        ({"coefficients": [True, *FACE[1:]]}, "coefficients"),
        ({"coefficients": [float("nan"), *FACE[1:]]}, "coefficients"),
        ({"coefficients": [float("inf"), *FACE[1:]]}, "coefficients"),
        ({"coefficients": [10**400, *FACE[1:]]}, "coefficients"),
        ({"coefficients": [1.1, *FACE[1:]]}, "coefficients"),
        ({"coefficients": [-0.1, *FACE[1:]]}, "coefficients"),
        ({"pose": [0.0] * 5}, "pose"),
        ({"pose": [90.0, 0, 0, 0, 0, 0]}, "pose"),
        ({"pose": [float("nan"), 0, 0, 0, 0, 0]}, "pose"),
        ({"pose": "left"}, "pose"),
    ],
)
async def test_a_bad_frame_is_refused_and_the_face_goes_on(fields: dict[str, Any], param: str) -> None:
    client = Client()
    event = frame(**fields)
    error = await client.refused(event.pop("type"), **event)
    assert error["param"] == param
    assert client.session.asked == []
    assert await client.send("visavis.motion.frame", coefficients=FACE) == []
    assert len(client.session.asked) == 1


def test_what_is_a_hair_beside_the_range_is_within() -> None:
    face, _ = read_motion_frame(frame(coefficients=[1.0005, -0.0005, *FACE[2:]]))
    assert (face[0], face[1]) == (1, 0)


def test_frames_are_bounded_and_told_once_a_second() -> None:
    gate = FrameGate()
    for second in (1000, 1001, 1007):
        assert all(gate.admit(second + k / 500) for k in range(FRAMES_PER_S))
        with pytest.raises(BadEvent) as refused:
            gate.admit(second + 0.5)
        assert refused.value.problem.code == "rate_limit_exceeded"
        assert not any(gate.admit(second + 0.5 + k / 500) for k in range(200))


def test_no_frame_breaks_the_reader() -> None:
    dice = random.Random(0)
    values = [0, 0.5, -1, 2, None, "x", [], {}, True, float("nan"), float("inf"), 1e308, 10**30]
    for _ in range(500):
        allowed = values[: dice.randint(1, len(values))]
        face = [dice.choice(allowed) for _ in range(dice.choice([0, 51, 52, 52, 52, 53]))]
        pose = [dice.choice(values) for _ in range(dice.choice([5, 6, 6]))]
        try:
            shapes, turned = read_motion_frame(frame(coefficients=face, pose=dice.choice([pose, None, 7])))
        except BadEvent:
            continue
        assert np.isfinite(shapes).all()
        assert 0 <= shapes.min() <= shapes.max() <= 1
        assert turned is None or np.isfinite(turned).all()


def settings() -> SessionSettings:
    own = Expression("concern", 0.4, "formal")
    defaults = SessionDefaults(SessionOptions(expression=own), "visavis", "visavis", "pocketsphinx", 1000)
    return SessionSettings(defaults)


def test_an_update_sets_how_she_feels_and_moves() -> None:
    session = settings()
    ours = {"emotion": "joy", "intensity": 0.4, "manner": "calm", "punctuation": False, "events": ["motion"]}
    assert session.update({"visavis": ours}) == []
    assert session.options.expression == Expression("joy", 0.4, "calm", punctuation=False)
    assert session.options.report_motion
    assert ours.items() <= session.echo()["visavis"].items()
    assert session.update({"visavis": {"intensity": 7, "manner": "neutral"}}) == []
    assert session.options.expression == Expression("joy", 1.0, "neutral", punctuation=False)
    session.update({"visavis": {"emotion": None, "intensity": None, "manner": None, "punctuation": None}})
    assert session.options.expression == Expression("concern", 0.4, "formal")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("emotion", "rage"), ("emotion", 3), ("emotion", ["joy"]), ("manner", "cheerful"), ("manner", True),
        ("intensity", "much"), ("intensity", float("nan")), ("intensity", True), ("punctuation", "yes"),
    ],
)  # fmt: skip
def test_what_cannot_be_felt_keeps_its_value_and_is_named(field: str, value: object) -> None:
    session = settings()
    before = session.echo()
    assert [problem.param for problem in session.update({"visavis": {field: value}})] == [f"session.visavis.{field}"]
    assert session.echo() == before
