"""A voice is aligned, trained, exported, resumed and adapted, on two sentences that the shipped voice speaks."""

from __future__ import annotations

import json
import wave
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import training.voice as voice_module
from engines.media import SAMPLE_RATE
from engines.runtime import Graph, Part
from engines.tts.features import HOP, PAUSES, place, spread
from engines.tts.voice import NeuralVoice
from training import voice_adapt
from training.voice import Credits, train
from training.voice_adapt import Speaker, adapt
from training.voice_align import Aligner
from training.voice_data import clips, examples, load, prepared, write
from training.voice_export import read_bundle
from training.voice_finish import cosines
from training.voice_nets import HIDDEN, MELODY, context
from training.voice_parts import Networks
from training.voice_preview import BAND, GAP
from training.voice_recording import check, shared_out, stretches, subtitles
from training.voice_run import Run

pytestmark = pytest.mark.train

SHIPPED = Path(__file__).parents[2] / "avatars/default/voice"
SENTENCES = {"toy1": "The little boat sailed slowly across the harbor, past the old stone wall.",
             "toy2": "Did you see the seven brown dogs that were running along the river?"}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two recordings with their texts."""
    made = tmp_path_factory.mktemp("toy")
    voice = NeuralVoice(SHIPPED)
    for name, text in SENTENCES.items():
        pcm = np.concatenate([chunk.pcm for chunk in voice.synthesize(text)])
        with wave.open(str(made / f"{name}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(SAMPLE_RATE)
            file.writeframes(pcm.tobytes())
    (made / "metadata.csv").write_text("".join(f"{name}|{text}\n" for name, text in SENTENCES.items()))
    return made


@pytest.fixture(scope="module")
def trained(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle of a training of one step."""
    output = tmp_path_factory.mktemp("trained") / "voice"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(voice_module, "_side_by_side", in_turn)  # two more processes would import PyTorch anew
        train([folder], output, Credits("Toy", "CC0", "synthetic", "a test"), lambda _: None, steps=1, pseudo=False)
    return output


def in_turn(work: Path, budget: dict[str, int], device: str, report: object) -> None:
    for name in ("acoustic", "vocoder"):
        voice_module.fit_one(name, work, budget, device, None)


def test_alignment_finds_the_phones_where_the_voice_spoke_them(folder: Path):
    voice = NeuralVoice(SHIPPED)
    phones = [phone for chunk in voice.synthesize(SENTENCES["toy1"]) for phone in chunk.phones]
    example = prepared(Aligner(), clips(folder)[0], "toy")[0]
    spoken = example.phones >= len(PAUSES)
    ends = np.cumsum(example.frames) * HOP
    truth = [phone for phone in phones if phone.symbol not in (*PAUSES,)]
    assert spoken.sum() == len(truth)
    lengths = ends[spoken] - ends[spoken][0]
    given = np.array([phone.end for phone in truth])
    late = np.abs(lengths - (given - given[0])) / SAMPLE_RATE
    assert np.median(late) < 0.03


def test_examples_survive_their_file(folder: Path, tmp_path: Path):
    made = list(examples(clips(folder), "toy", pytest.fail))
    write(tmp_path / "kept.npz", made)
    kept = load(tmp_path / "kept.npz")
    assert [example.name for example in kept] == [example.name for example in made]
    assert np.abs(kept[0].mel - made[0].mel).max() < 0.01
    assert (kept[0].frames == made[0].frames).all()
    assert kept[0].frames.sum() == len(kept[0].mel)


def test_a_clip_whose_words_do_not_fit_is_left_out_and_named(folder: Path, tmp_path: Path):
    (tmp_path / "metadata.csv").write_text("toy1|Yes.\ntoy2|12345 $ %\n")
    for name in ("toy1", "toy2"):
        (tmp_path / f"{name}.wav").write_bytes((folder / f"{name}.wav").read_bytes())
    told: list[str] = []
    list(examples(clips(tmp_path), "toy", told.append))
    assert told
    assert all(line.split()[0] in SENTENCES for line in told)


def test_a_trained_bundle_speaks(trained: Path):
    pcm = np.concatenate([chunk.pcm for chunk in NeuralVoice(trained).synthesize("Hello, world.")])
    assert len(pcm) % HOP == 0
    assert len(pcm) > SAMPLE_RATE // 10
    described = json.loads((trained / "voice.json").read_text())
    assert described["name"] == "Toy"
    assert described["consent"] == "synthetic"


def test_a_training_is_taken_up_where_it_stopped(folder: Path, trained: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(voice_module, "_side_by_side", in_turn)
    lines: list[str] = []
    train([folder], trained, Credits("Toy", "CC0", "x", "y"), lines.append, steps=2, pseudo=False, resume=True)
    assert not any("aligning" in line for line in lines)
    run = Run(trained.with_name("voice.training") / "acoustic.safetensors", lines.append, steps=2)
    training = voice_module.Acoustic(Networks(), torch.device("cpu"))
    training.state.resume(run)
    assert run.step == 2
    frames = len(load(next(run.path.parent.glob("*-plain.npz")))[0].mel)
    with Image.open(run.path.with_suffix(".png")) as preview:
        assert preview.size == (frames, 2 * 80 * BAND + GAP)


def test_the_exported_graphs_compute_what_was_trained(trained: Path):
    parts, described = read_bundle(trained)
    parts.eval()
    rng = np.random.default_rng(0)
    frames, edge = 80, torch.ones(1, 80, 1)
    hidden = rng.normal(size=(1, HIDDEN + MELODY, frames)).astype(np.float32)
    at = place(np.full(8, 10))[None]
    tracks = {name: rng.normal(size=(1, frames)).astype(np.float32) for name in ("f0", "energy")}
    voicing = (rng.uniform(size=(1, frames)) > 0.4).astype(np.float32)
    hertz = rng.uniform(100, 250, (1, frames)).astype(np.float32)
    timbre = np.array(described["timbre"], np.float32)[None]
    with torch.no_grad():
        prosody = torch.stack([torch.tensor(tracks["f0"]), torch.tensor(voicing), torch.tensor(tracks["energy"])], -1)
        turned = torch.tensor(hidden).transpose(1, 2)[..., :HIDDEN]
        mel = parts.decoder(turned, torch.tensor(at).transpose(1, 2), prosody, torch.tensor(timbre), edge)
        ours = parts.vocoder(parts.vary(mel), torch.tensor(hertz), torch.tensor(voicing), edge)
    graph = Graph(trained / "decode.onnx", [Part(("filters",), "f32")])
    theirs = graph.run({
        "hidden": hidden, "place": at, **tracks, "voicing": voicing, "hertz": hertz, "timbre": timbre,
        "inside": np.ones((1, frames), np.float32),
    })["filters"]  # fmt: skip
    assert np.abs(theirs - ours.permute(0, 2, 3, 1).numpy()).max() < 1e-3


def test_no_frame_reaches_further_than_the_bundle_says(trained: Path):
    parts, _ = read_bundle(trained)
    parts.eval()
    left, right = context()
    frames = left + right + 30
    mel = torch.randn(1, frames, HIDDEN)
    fixed = (torch.zeros(1, frames, 3), torch.zeros(1, frames, 3), torch.zeros(1, 64), torch.ones(1, frames, 1))

    def filters(hidden: torch.Tensor) -> torch.Tensor:
        decoded = parts.decoder(hidden, *fixed)
        return parts.vocoder(decoded, torch.full((1, frames), 150.0), torch.ones(1, frames), fixed[-1])

    with torch.no_grad():
        before = filters(mel)
        changed = mel.clone()
        changed[:, left + 15] += 1
        moved = (filters(changed) - before).abs().amax((0, 2, 3)) > 1e-6
    touched = np.flatnonzero(moved.numpy())
    assert touched.min() >= left + 15 - right
    assert touched.max() <= left + 15 + left


def test_few_shot_and_zero_shot_give_another_speaker(
    folder: Path, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(voice_adapt, "FEW_SHOT", 3.0)
    monkeypatch.setattr(voice_adapt, "ZERO_SHOT", 3.0)
    who = Speaker("Other", "I agree to a voice of mine.")
    adapt(folder, tmp_path / "few", who, trained, lambda _: None, steps=1)
    adapt(folder / "toy1.wav", tmp_path / "zero", who, trained, lambda _: None, zero_shot=True)
    base = json.loads((trained / "voice.json").read_text())
    for kind in ("few", "zero"):
        described = json.loads((tmp_path / kind / "voice.json").read_text())
        assert described["consent"] == who.consent
        assert described["timbre"] != base["timbre"]
        assert sum(1 for _ in NeuralVoice(tmp_path / kind).synthesize("Good morning.")) > 0


def test_recordings_that_no_voice_can_be_learned_from_are_refused():
    tone = 0.1 * np.sin(np.arange(SAMPLE_RATE * 12) / 20).astype(np.float32)
    with pytest.raises(ValueError, match="silent"):
        check(tone * 1e-4, 10)
    with pytest.raises(ValueError, match="clipped"):
        check((tone * 20).clip(-1, 1), 10)
    with pytest.raises(ValueError, match="1 seconds of speech: at least 10"):
        check(tone[:SAMPLE_RATE], 10)
    check(tone, 10)


def test_refusals_say_what_is_needed(folder: Path, trained: Path, tmp_path: Path):
    who = Speaker("Other", "yes")
    with pytest.raises(ValueError, match="at least 60"):
        adapt(folder, tmp_path / "out", who, trained, lambda _: None)
    with pytest.raises(ValueError, match=r"metadata\.csv"):
        adapt(tmp_path, tmp_path / "out", who, trained, lambda _: None)
    with pytest.raises(ValueError, match="at least 60"):
        adapt(folder / "toy1.wav", tmp_path / "out", who, trained, lambda line: pytest.fail(f"began: {line}"))
    (tmp_path / "broken").mkdir()
    with pytest.raises(ValueError, match="no voice to start from"):
        adapt(folder / "toy1.wav", tmp_path / "out", who, tmp_path / "broken", lambda _: None, zero_shot=True)
    assert not (tmp_path / "out").exists()


def test_a_recording_is_cut_at_its_pauses_and_shared_out():
    tone = 0.1 * np.sin(np.arange(SAMPLE_RATE * 7) / 20).astype(np.float32)
    samples = np.concatenate([tone, np.zeros(SAMPLE_RATE, np.float32), tone])
    spans = stretches(samples)
    assert len(spans) == 2
    assert abs(spans[1][0] / SAMPLE_RATE - 8) < 0.3
    assert [one.text for one in shared_out("first\nsecond\n", spans)] == ["first", "second"]
    with pytest.raises(ValueError, match="one line for each"):
        shared_out("only one\ntwo\nthree\n", spans)


def test_subtitles_give_words_and_times():
    found = subtitles("1\n00:00:01,500 --> 00:00:03,000\nHello\nthere.\n\n2\n00:01:00.000 --> 00:01:02.250\nBye.\n")
    assert [(one.start, one.end, one.text) for one in found] == [
        (36_000, 72_000, "Hello there."),
        (1_440_000, 1_494_000, "Bye."),
    ]


def test_frame_positions_belong_to_their_units():
    frames = np.array([3, 5, 2])
    assert place(frames).shape[1] == len(spread(frames)) == 10
    assert np.allclose(cosines() @ cosines().T, np.eye(80), atol=1e-9)
