"""Installs avatars that came from elsewhere: a zip file in, a checked folder out."""

from __future__ import annotations

import json
import re
import shutil
import stat
import struct
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

import numpy as np

from engines.avatar_meta import AvatarMeta, read_meta
from engines.media import COEFFS
from engines.motion.style import FILE as STYLE
from engines.motion.style import load_style
from engines.onnx_scan import operators
from engines.tts import SpeechError
from engines.tts.bundle import read_voice

MAX_FILES = 40
"""The default avatar has 4, a voice adds 5, a style 1."""
MAX_FILE_BYTES = 64 * 1024 * 1024
MAX_BYTES = 128 * 1024 * 1024
"""Unpacked; the default avatar with its voice is a tenth of it."""
MAX_RATIO = 100
"""Unpacked to packed: weights hardly shrink, text shrinks ten times; bombs shrink a thousand times."""

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_FILE = re.compile(r"(voice/)?[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_SUFFIXES = frozenset({".onnx", ".json", ".png", ".safetensors", ".md", ""})
MAX_STYLE_BYTES = 1024 * 1024
"""Of the arrays in `style.npz`; the largest codebook takes 30 kB."""
_OPERATORS = frozenset({
    "Abs", "Add", "And", "Cast", "Clip", "Concat", "Constant", "ConstantOfShape", "Conv", "ConvTranspose", "Cos",
    "DepthToSpace", "Div", "Equal", "Erf", "Exp", "Expand", "Flatten", "Floor", "GRU", "Gather", "GatherElements",
    "Gemm", "GlobalAveragePool", "Greater", "GridSample", "Identity", "LayerNormalization", "LeakyRelu", "Less",
    "Log", "MatMul", "Max", "Min", "Mul", "Neg", "Not", "Or", "Pad", "Pow", "Range", "Reciprocal", "ReduceL2",
    "ReduceMax", "ReduceMean", "ReduceSum", "Relu", "Reshape", "Resize", "Shape", "Sigmoid", "Sin", "Slice", "Softmax",
    "Softplus", "SpaceToDepth", "Split", "Sqrt", "Squeeze", "Sub", "Tanh", "Tile", "Transpose", "Unsqueeze", "Where",
})  # fmt: skip
"""What faces and voices are made of: arithmetic without control flow or files, so a graph's run time is bounded."""


class AvatarError(Exception):
    """The avatar can't be installed, or isn't there. The message says what to do."""


def add(package: Path, avatars: Path, name: str | None = None) -> Path:
    """Installs the zip file `package` as `avatars/name`; nothing is left behind where it is refused.

    The avatar's files lie at the top of the zip file, or in its one folder.

    Args:
        name: of the avatar; None takes the file's.

    Raises:
        AvatarError: it is none, is not safe, or its person was never asked.
    """
    name = _checked_name(package.stem.lower() if name is None else name)
    target = avatars / name
    if target.exists():
        raise AvatarError(f"{target} is there already: visavis avatars remove {name}, or give another --name")
    avatars.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".", dir=avatars) as scratch:
        folder = Path(scratch) / name
        folder.mkdir()
        try:
            with zipfile.ZipFile(package) as archive:
                _unpack(archive, folder)
            _check(folder)
        except (OSError, zipfile.BadZipFile, EOFError, NotImplementedError, struct.error, RuntimeError) as error:
            raise AvatarError(f"{package} can't be read as an avatar ({error}): copy it again") from error
        except (ValueError, SpeechError, MemoryError) as error:
            raise AvatarError(f"{package} is not installed: {error}") from error
        folder.rename(target)
    return target


def installed(avatars: Path) -> dict[str, AvatarMeta | str]:
    """Name -> what it says of itself, or what is wrong with it."""
    found: dict[str, AvatarMeta | str] = {}
    if avatars.is_dir():
        for folder in sorted(avatars.iterdir()):
            if (folder / "meta.json").is_file():
                try:
                    found[folder.name] = read_meta(folder)
                except ValueError as error:
                    found[folder.name] = str(error)
    return found


def remove(name: str, avatars: Path) -> None:
    """Deletes the folder `avatars/name`.

    Raises:
        AvatarError: there is no such avatar, or it is the one that everything falls back to.
    """
    folder = avatars / _checked_name(name)
    if name == "default":
        raise AvatarError("the default avatar stays: servers without a configuration show it")
    if folder.is_symlink() or not (folder / "meta.json").is_file():
        known = ", ".join(installed(avatars)) or "none"
        raise AvatarError(f"there is no avatar {name} in {avatars}; there is: {known}")
    shutil.rmtree(folder)


def _checked_name(name: str) -> str:
    if not NAME.fullmatch(name):
        raise AvatarError(f"'{name}' can't name an avatar: use up to 64 of a-z, 0-9, - and _, give it with --name")
    return name


def _unpack(archive: zipfile.ZipFile, folder: Path) -> None:
    entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    if len(entries) > MAX_FILES:
        raise ValueError(f"it holds {len(entries)} files, more than the {MAX_FILES} that any avatar needs")
    if sum(entry.file_size for entry in entries) > MAX_BYTES:
        raise ValueError(f"unpacked it is larger than {MAX_BYTES // 2**20} MiB")
    top = _common_folder(entries)
    seen: set[str] = set()
    for entry in entries:
        inner = entry.filename[len(top) :]
        _check_entry(entry, inner)
        if inner.lower() in seen:
            raise ValueError(f"it holds {inner} twice")
        seen.add(inner.lower())
        path = folder / inner
        path.parent.mkdir(exist_ok=True)
        with archive.open(entry) as source, path.open("wb") as sink:
            # Read one byte past what it claims: a header that lies is found by its content.
            data = source.read(entry.file_size + 1)
            if len(data) != entry.file_size:
                raise ValueError(f"{inner} is not as long as it claims")
            sink.write(data)


def _common_folder(entries: list[zipfile.ZipInfo]) -> str:
    tops = {PurePosixPath(entry.filename).parts[0] for entry in entries if entry.filename}
    flat = any(entry.filename == "meta.json" for entry in entries)
    return "" if flat or len(tops) != 1 else f"{tops.pop()}/"


def _check_entry(entry: zipfile.ZipInfo, inner: str) -> None:
    if not _FILE.fullmatch(inner) or ".." in inner:
        raise ValueError(f"it holds a file with the path {entry.filename!r}, which no avatar has")
    if Path(inner).suffix not in _SUFFIXES and inner != STYLE:
        raise ValueError(f"it holds {inner}: only ONNX, safetensors, JSON, PNG and text belong into an avatar")
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise ValueError(f"{inner} is a link")
    if entry.flag_bits & 1:
        raise ValueError(f"{inner} is encrypted")
    if entry.file_size > MAX_FILE_BYTES:
        raise ValueError(f"{inner} is larger than {MAX_FILE_BYTES // 2**20} MiB")
    if entry.file_size > MAX_RATIO * max(entry.compress_size, 100):
        raise ValueError(f"{inner} unpacks to {entry.file_size // max(entry.compress_size, 1)} times its size")


def _check(folder: Path) -> None:
    """Reads everything that serving would, safest first; the graph is looked at before any library loads it."""
    for path in folder.rglob("*.json"):
        json.loads(path.read_text(encoding="utf-8"))
    meta = read_meta(folder)
    if meta.local_test:
        raise ValueError(
            "its person's consent is not recorded (it is marked local-test), so it is shown only on the machine that "
            "made it: train it again with --consent"
        )
    if (folder / "voice").is_dir() and read_voice(folder / "voice").consent is None:
        raise ValueError("its voice's speaker was never asked (it is marked local-test): train it with --consent")
    if (folder / STYLE).is_file():
        with zipfile.ZipFile(folder / STYLE) as arrays:
            if sum(entry.file_size for entry in arrays.infolist()) > MAX_STYLE_BYTES:
                raise ValueError(f"{STYLE} unpacks to more than {MAX_STYLE_BYTES // 2**20} MiB")
        load_style(folder)
    for path in folder.rglob("*.onnx"):
        unknown = operators(path) - _OPERATORS
        if unknown:
            raise ValueError(f"{path.name} uses operators that no avatar needs: {', '.join(sorted(unknown))}")
    from engines.nerf.engine import load_renderer

    load_renderer(folder).render(np.zeros(COEFFS, np.float32))
