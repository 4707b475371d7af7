"""`config.example.toml` documents every key: written from the declarations, and checked to be so.

python -m tests.unit.test_config_example > config.example.toml
"""

from __future__ import annotations

import json
import textwrap
import tomllib
from pathlib import Path

import pytest
from pydantic.fields import FieldInfo

from server.config import SECRETS, Config, allowed, load_config

pytestmark = pytest.mark.unit

EXAMPLE = Path(__file__).parents[2] / "config.example.toml"
HEAD = """\
# Visavis: every key, with its default. Copy to visavis.toml and uncomment what you change; a key without a
# default shows an example. A key `port` of [server] is also VISAVIS_SERVER_PORT in the environment and
# `--set server.port=…` on the command line; the command line wins, then the environment, then this file.
# Secrets come from the environment only: VISAVIS_ACCESS_KEY, VISAVIS_TURN_PASSWORD, VISAVIS_LLM_KEY,
# VISAVIS_ASR_KEY, VISAVIS_TTS_KEY.
"""


def example() -> str:
    parts = [HEAD]
    for section in Config.model_fields:
        kind = type(getattr(Config(), section))
        parts.append(f"\n[{section}]\n{_comment(kind.__doc__ or '')}")
        for key, field in kind.model_fields.items():
            dotted = f"{section}.{key}"
            if dotted in SECRETS:
                parts.append(f"\n{_comment(f'{SECRETS[dotted]}: {field.description}')}")
                continue
            parts.append(f"\n{_comment(f'{field.description} Allowed: {allowed(section, key)}.')}")
            parts.append(f"# {key} = {_value(field)}\n")
    return "".join(parts)


def _comment(text: str) -> str:
    return textwrap.fill(text, 108, initial_indent="# ", subsequent_indent="# ") + "\n"


def _value(field: FieldInfo) -> str:
    shown = field.default if field.default not in (None, ()) else (field.examples or [None])[0]
    return json.dumps(str(shown) if isinstance(shown, Path) else shown, ensure_ascii=False)


def _keys() -> list[tuple[str, str, FieldInfo]]:
    return [
        (section, key, field)
        for section in Config.model_fields
        for key, field in type(getattr(Config(), section)).model_fields.items()
    ]


def test_the_example_is_what_the_declarations_say() -> None:
    hint = "run: python -m tests.unit.test_config_example > config.example.toml"
    assert EXAMPLE.read_text("utf-8") == example(), hint


def test_every_line_of_the_example_is_a_value_that_is_allowed(tmp_path: Path) -> None:
    lines = [line.removeprefix("# ") for line in EXAMPLE.read_text("utf-8").splitlines()]
    tables = "\n".join(line for line in lines if line.startswith("[") or " = " in line.split("`")[0])
    for name in ("cert.pem", "key.pem"):
        (tmp_path / name).touch()
    path = tmp_path / "all.toml"
    path.write_text(tables)
    load_config(path, environ={})
    told = {f"{section}.{key}" for section, table in tomllib.loads(tables).items() for key in table}
    assert told == {f"{section}.{key}" for section, key, _ in _keys()} - set(SECRETS)


UNITS = {
    "s": "econds",
    "ms": "illiseconds",
    "bytes": "ytes",
    "chars": "haracters",
    "fps": "ictures per second",
    "bitrate": "its per second",
}


@pytest.mark.parametrize(("section", "key", "field"), _keys())
def test_a_key_with_a_unit_says_which(section: str, key: str, field: FieldInfo) -> None:
    unit = UNITS.get(key.rsplit("_", 1)[-1], "")
    assert unit in (field.description or ""), f"{section}.{key}"


if __name__ == "__main__":
    print(example(), end="")
