"""Imports run one way: server -> pipeline -> engines. What breaks this breaks the house."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[2]

FORBIDDEN = {
    "engines": {"pipeline", "server", "training", "bench", "starlette", "uvicorn", "aiortc"},
    "pipeline": {"server", "training", "bench", "starlette", "uvicorn", "aiortc", "openai", "openvino", "torch", "av"},
    "server": {"torch", "training"},
    "training": {"pipeline", "server"},
    "bench": {"pipeline"},
}
"""Package -> what its modules must not import, at least not at their top level."""

WITHIN = ROOT / "bench/inside"
"""The part of the bench that measures the pipeline without a server."""


def imports(path: Path) -> set[str]:
    """Top-level packages that a module imports when it is itself imported."""
    names: set[str] = set()
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return names


@pytest.mark.parametrize("package", FORBIDDEN)
def test_imports_run_one_way(package: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sorted((ROOT / package).rglob("*.py"))
        if path.parent != WITHIN
        for name in sorted(imports(path) & FORBIDDEN[package])
    ]
    assert wrong == []


def test_serving_never_loads_torch() -> None:
    code = "import sys, server.cli, server.serving, server.engines; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False, timeout=60).returncode == 0
