"""Installing an avatar: what a good one needs, and what is refused before anything loads it."""

from __future__ import annotations

import hashlib
import io
import json
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.motion.model import LIPS
from engines.motion.style import FILE as STYLE
from engines.motion.style import NEIGHBOURS, Style, load_style, save_style
from engines.tts.bundle import read_voice
from server.avatars import MAX_FILES, MAX_STYLE_BYTES, AvatarError, add, installed, remove

pytestmark = pytest.mark.unit

DEFAULT = Path(__file__).parents[2] / "avatars" / "default"
Entries = dict[str | zipfile.ZipInfo, bytes]
RANDOM = np.random.default_rng(0)


@pytest.fixture(scope="module")
def face() -> Entries:
    return {name: (DEFAULT / name).read_bytes() for name in ("face.onnx", "meta.json", "LICENSE", "preview.png")}


def packed(path: Path, entries: Entries) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in entries.items():
            archive.writestr(name, data, zipfile.ZIP_DEFLATED if len(data) < 3e6 else zipfile.ZIP_STORED)
    return path


def with_graph(face: Entries, graph: bytes) -> Entries:
    meta = json.loads(face["meta.json"]) | {"sha256": hashlib.sha256(graph).hexdigest()}
    return face | {"face.onnx": graph, "meta.json": json.dumps(meta).encode()}


@pytest.mark.parametrize("top", ["", "mona/"])
def test_an_avatar_is_installed_and_removed(tmp_path: Path, face: Entries, top: str) -> None:
    package = packed(tmp_path / "Mona.zip", {f"{top}{name}": data for name, data in face.items()})
    target = add(package, tmp_path / "avatars")
    assert target == tmp_path / "avatars" / "mona"
    assert (target / "face.onnx").read_bytes() == face["face.onnx"]
    assert list(installed(tmp_path / "avatars")) == ["mona"]
    with pytest.raises(AvatarError, match="there already"):
        add(package, tmp_path / "avatars")
    remove("mona", tmp_path / "avatars")
    assert installed(tmp_path / "avatars") == {}
    with pytest.raises(AvatarError, match="no avatar mona"):
        remove("mona", tmp_path / "avatars")


def arrays(**values: NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=True, **values)
    return buffer.getvalue()


def test_an_avatar_brings_its_voice_and_its_way_of_moving_the_mouth(tmp_path: Path, face: Entries) -> None:
    voice: Entries = {f"voice/{path.name}": path.read_bytes() for path in (DEFAULT / "voice").iterdir()}
    flat = np.ones(len(LIPS), np.float32)
    save_style(Style(flat, 0 * flat, flat, 0 * flat, flat, np.ones((NEIGHBOURS, len(LIPS)), np.float32)), tmp_path)
    package = packed(tmp_path / "mona.zip", face | voice | {STYLE: (tmp_path / STYLE).read_bytes()})
    target = add(package, tmp_path / "avatars")
    assert load_style(target) is not None
    assert read_voice(target / "voice").consent


def silenced(_: Entries) -> Entries:
    """A voice whose speaker was never asked."""
    voice: Entries = {f"voice/{path.name}": path.read_bytes() for path in (DEFAULT / "voice").iterdir()}
    told = json.loads(voice["voice/voice.json"]) | {"consent": None}
    return voice | {"voice/voice.json": json.dumps(told).encode()}


def large(_: Entries) -> Entries:
    """A file that unpacks to more than any may, without shrinking suspiciously."""
    return {f"part{i}.md": RANDOM.bytes(1024) * 40_000 for i in range(4)}


def link(_: Entries) -> Entries:
    info = zipfile.ZipInfo("face.md")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return {info: b"/etc/passwd"}


def without_consent(face: Entries) -> Entries:
    return {"meta.json": json.dumps(json.loads(face["meta.json"]) | {"consent": None}).encode()}


def unknown_key(face: Entries) -> Entries:
    return {"meta.json": json.dumps(json.loads(face["meta.json"]) | {"run": "me"}).encode()}


@pytest.mark.parametrize(
    ("extra", "told"),
    [
        (lambda _: {"../../evil.json": b"{}"}, "path"),
        (lambda _: {"/evil.json": b"{}"}, "path"),
        (lambda _: {"sub/deep/evil.json": b"{}"}, "path"),
        (lambda _: {"weights.pkl": b"cos\nsystem\n"}, "only ONNX"),
        (lambda _: {"run.py": b""}, "only ONNX"),
        (lambda _: {"bomb.json": b" " * 2_900_000}, "times its size"),
        (lambda _: {f"n{i}.md": b"" for i in range(MAX_FILES)}, "files"),
        (lambda _: {"META.json": b"{}"}, "twice"),
        (lambda _: {STYLE: arrays(gain=np.array([None]))}, "holds no style"),  # an object array is a pickle
        (lambda _: {STYLE: arrays(gain=RANDOM.integers(0, 4, MAX_STYLE_BYTES))}, "unpacks to more"),
        (lambda _: {f"voice/{STYLE}": b""}, "only ONNX"),
        (silenced, "never asked"),
        (large, "larger than 128 MiB"),
        (link, "link"),
        (without_consent, "consent"),
        (unknown_key, "run"),
    ],
)
def test_what_is_not_safe_is_refused_and_leaves_nothing(
    tmp_path: Path, face: Entries, extra: Callable[[Entries], Entries], told: str
) -> None:
    package = packed(tmp_path / "mona.zip", face | extra(face))
    with pytest.raises(AvatarError, match=told):
        add(package, tmp_path / "avatars")
    assert list((tmp_path / "avatars").iterdir()) == []


def field(number: int, data: bytes) -> bytes:
    """One field of a protocol buffer that has a length."""
    length, size = b"", len(data)
    while size >= 0x80:
        length += bytes([size & 0x7F | 0x80])
        size >>= 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + data


@pytest.mark.parametrize(
    ("graph", "told"),
    [
        (field(1, field(4, b"Loop")), "operators that no avatar needs: Loop"),
        (field(1, field(4, b"Run") + field(7, b"evil")), "evil::Run"),
        (field(5, field(13, field(1, b"location") + field(2, b"/etc/passwd"))), "other files"),
        (field(1, field(4, b"Constant") + field(5, field(5, b"\x70\x01"))), "other files"),
        (field(1, field(4, b"If") + field(5, field(6, field(1, field(4, b"Scan"))))), "If, Scan"),
    ],
)
def test_a_graph_is_read_before_it_is_loaded(tmp_path: Path, face: Entries, graph: bytes, told: str) -> None:
    package = packed(tmp_path / "mona.zip", with_graph(face, field(7, graph)))
    with pytest.raises(AvatarError, match=told):
        add(package, tmp_path / "avatars")


@pytest.mark.parametrize("broken", [b"", b"\xff" * 50, field(7, b"\x0a\x7f"), field(25, b"f")])
def test_a_broken_graph_is_refused(tmp_path: Path, face: Entries, broken: bytes) -> None:
    with pytest.raises(AvatarError, match=r"face\.onnx"):
        add(packed(tmp_path / "mona.zip", with_graph(face, broken)), tmp_path / "avatars")


def test_what_is_no_zip_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mona.zip").write_bytes(b"no")
    with pytest.raises(AvatarError, match="copy it again"):
        add(tmp_path / "mona.zip", tmp_path / "avatars")
    with pytest.raises(AvatarError, match="--name"):
        add(tmp_path / "Mona Lisa.zip", tmp_path / "avatars")


def test_the_default_avatar_stays(tmp_path: Path) -> None:
    with pytest.raises(AvatarError, match="default"):
        remove("default", tmp_path)
    with pytest.raises(AvatarError, match="can't name"):
        remove("../somewhere", tmp_path)
