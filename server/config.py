"""One configuration from one TOML file, the environment and the command line; the later of these wins.

Every key is declared in `server/config_keys.py`. A key `port` of the table `[server]` is
`VISAVIS_SERVER_PORT` in the environment and `server.port` on the command line. Secrets come from the environment alone.
"""

from __future__ import annotations

import ipaddress
import json
import os
import tomllib
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from server.config_keys import OPENAI_URL, Config, Section

DEFAULT_FILE = Path("visavis.toml")
PROJECT = Path(__file__).resolve().parent.parent

VOICE_FILES = ("neural", "piper")
"""Providers whose voice is a path."""

SECRETS = {
    "server.access_key": "VISAVIS_ACCESS_KEY",
    "media.turn_password": "VISAVIS_TURN_PASSWORD",
    "llm.key": "VISAVIS_LLM_KEY",
    "asr.key": "VISAVIS_ASR_KEY",
    "tts.key": "VISAVIS_TTS_KEY",
}
"""Keys that a file or a command line would leak, and the variables that they come from."""

Keys = dict[str, tuple[object, str]]
"""Dotted key -> (value, where it was set)."""

__all__ = ["Config", "ConfigError", "load_config"]


class ConfigError(Exception):
    """The configuration can't be used. The message names the place, the key and what is allowed."""


def load_config(
    path: Path | None = None,
    overrides: Mapping[str, object] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Config:
    """
    Args:
        path: the TOML file; None takes `visavis.toml` from the working directory if there is one.
        overrides: dotted keys (`server.port`) from the command line; None values count as not given.
        environ: the environment, `os.environ` unless given.

    Raises:
        ConfigError: an unreadable file, an unknown key, a value that is not allowed, a secret outside the
            environment, or an address that would be open to everybody.
    """
    environ = os.environ if environ is None else environ
    file = path or (DEFAULT_FILE if DEFAULT_FILE.is_file() else None)
    keys = _from_file(file) if file else {}
    keys |= _from_environ(environ)
    keys |= _from_command_line(overrides or {})
    _imply_providers(keys)
    _share_openai_key(keys, environ)
    config = _resolve_paths(_validate(keys), keys, file)
    _check_server(config)
    _check_providers(config)
    return config


def _from_file(file: Path) -> Keys:
    try:
        tables = tomllib.loads(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{file}: {error}") from None
    keys: Keys = {}
    for section, table in tables.items():
        if section not in Config.model_fields:
            raise ConfigError(f"{file}: {_unknown('table', section, list(Config.model_fields))}")
        if not isinstance(table, dict):
            raise ConfigError(f"{file}: {section} must be a table: write [{section}] and its keys below it")
        for key, value in cast(dict[str, object], table).items():
            dotted = f"{section}.{key}"
            if dotted in SECRETS:
                raise ConfigError(f"{file}: {dotted} is a secret: set {SECRETS[dotted]} in the environment instead")
            keys[dotted] = (value, str(file))
    _check_types(tables, file)
    return keys


def _check_types(tables: dict[str, Any], file: Path) -> None:
    """A file has types, so `port = "8000"` is a mistake there, while the environment has only text."""
    try:
        Config.model_validate_json(json.dumps(tables, default=str), strict=True)
    except ValidationError as error:
        raise _explain(error, lambda _: str(file)) from None


def _from_environ(environ: Mapping[str, str]) -> Keys:
    secrets = {variable: dotted for dotted, variable in SECRETS.items()}
    keys: Keys = {}
    for variable, text in environ.items():
        if not variable.startswith("VISAVIS_"):
            continue
        section, _, key = variable.removeprefix("VISAVIS_").lower().partition("_")
        dotted = secrets.get(variable, f"{section}.{key}")
        if variable not in secrets and dotted in SECRETS:
            raise ConfigError(f"{variable}: use {SECRETS[dotted]}")
        if variable not in secrets and (section not in Config.model_fields or not key):
            meant = _meant(variable, _variables())
            raise ConfigError(f"unknown variable {variable}{meant}; config.example.toml shows every key")
        if text:
            keys[dotted] = (_list_or_text(dotted, text), variable)
    return keys


def _variables() -> list[str]:
    keys = [dotted for section in Config.model_fields for dotted in _keys_of(section)]
    return [*SECRETS.values(), *(f"VISAVIS_{dotted.replace('.', '_').upper()}" for dotted in keys)]


def _from_command_line(overrides: Mapping[str, object]) -> Keys:
    keys: Keys = {}
    for dotted, value in overrides.items():
        if value is None:
            continue
        if dotted in SECRETS:
            raise ConfigError(
                f"the command line: {dotted} is a secret: set {SECRETS[dotted]} in the environment instead"
            )
        keys[dotted] = (_list_or_text(dotted, value) if isinstance(value, str) else value, "the command line")
    return keys


def _list_or_text(dotted: str, text: str) -> object:
    """Lists are written with commas where only text can be given."""
    section, _, key = dotted.partition(".")
    if _schema(section, key).get("type") == "array":
        return [item.strip() for item in text.split(",") if item.strip()]
    return text


def _imply_providers(keys: Keys) -> None:
    for section in ("llm", "asr", "tts"):
        for key in ("base_url", "model"):
            if f"{section}.{key}" in keys:
                keys.setdefault(f"{section}.provider", ("openai", keys[f"{section}.{key}"][1]))


def _share_openai_key(keys: Keys, environ: Mapping[str, str]) -> None:
    """The key that OpenAI's own tools read is sent to OpenAI's own server only."""
    key = environ.get("OPENAI_API_KEY")
    for section in ("llm", "asr", "tts"):
        if key and keys.get(f"{section}.base_url", (OPENAI_URL, ""))[0] == OPENAI_URL:
            keys.setdefault(f"{section}.key", (key, "OPENAI_API_KEY"))


def _validate(keys: Keys) -> Config:
    tables: dict[str, dict[str, object]] = {}
    for dotted, (value, source) in keys.items():
        section, dot, key = dotted.partition(".")
        if section not in Config.model_fields or not dot:
            raise ConfigError(f"{source}: {_unknown('table', section, list(Config.model_fields))}")
        tables.setdefault(section, {})[key] = value
    try:
        return Config.model_validate(tables)
    except ValidationError as error:
        raise _explain(error, lambda dotted: keys[dotted][1]) from None


def _explain(error: ValidationError, source: Callable[[str], str]) -> ConfigError:
    lines: list[str] = []
    for problem in error.errors(include_url=False):
        section, key = str(problem["loc"][0]), str(problem["loc"][1])
        dotted = f"{section}.{key}"
        if problem["type"] == "extra_forbidden":
            lines.append(f"{source(dotted)}: {_unknown('key', dotted, _keys_of(section))}")
        else:
            given = json.dumps(problem["input"], default=str)
            lines.append(f"{source(dotted)}: {dotted} = {given} is not allowed; allowed: {allowed(section, key)}")
    return ConfigError("\n".join(dict.fromkeys(lines)))


def _unknown(kind: str, name: str, known: list[str]) -> str:
    return f"unknown {kind} {name}{_meant(name, known)}; allowed: {', '.join(known)}"


def _meant(name: str, known: list[str]) -> str:
    close = get_close_matches(name, known, 1)
    return f" (did you mean {close[0]}?)" if close else ""


def _keys_of(section: str) -> list[str]:
    dotted = (f"{section}.{key}" for key in _definition(section)["properties"])
    return [key for key in dotted if key not in SECRETS]


def _definition(section: str) -> dict[str, Any]:
    schema = Config.model_json_schema()
    reference = schema["properties"][section]["$ref"].rsplit("/", 1)[1]
    return schema["$defs"][reference]


def _schema(section: str, key: str) -> dict[str, Any]:
    """The JSON schema of one key's values, None left aside; empty for an unknown key."""
    if section not in Config.model_fields:
        return {}
    schema = _definition(section)["properties"].get(key, {})
    return next((kind for kind in schema.get("anyOf", ()) if kind.get("type") != "null"), schema)


def allowed(section: str, key: str) -> str:
    """What a key may be, in words: `an integer from 0 to 65535`."""
    schema = _schema(section, key)
    if "enum" in schema:
        return " or ".join(json.dumps(value) for value in schema["enum"])
    words = {
        "integer": "an integer",
        "number": "a number",
        "boolean": "true or false",
        "array": f"a list of {schema.get('items', {}).get('description', 'texts')}",
        "string": "a path" if schema.get("format") == "path" else "a text",
    }[schema["type"]]
    if "minimum" in schema:
        words += f" from {schema['minimum']} to {schema['maximum']}"
    if "maxLength" in schema:
        words += f" of at most {schema['maxLength']} characters"
    if "pattern" in schema:
        words += f" that matches {schema['pattern']}"
    return words


def _resolve_paths(config: Config, keys: Keys, file: Path | None) -> Config:
    """A path in the file is meant from its folder, a default from the project's, others from where we run."""
    sections: dict[str, object] = {}
    for section in Config.model_fields:
        values: Section = getattr(config, section)
        moved: dict[str, Path | str] = {}
        for key, value in values:
            source = keys.get(f"{section}.{key}", (None, ""))[1]
            base = PROJECT if not source else file.parent if file and source == str(file) else Path()
            if isinstance(value, Path):
                moved[key] = (base / value.expanduser()).absolute()
            elif f"{section}.{key}" == "tts.voice" and value and config.tts.provider in VOICE_FILES:
                moved[key] = str((base / Path(value).expanduser()).absolute())
        sections[section] = values.model_copy(update=moved)
    return config.model_copy(update=sections)


def is_loopback(host: str) -> bool:
    """Only this machine can reach it."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _check_server(config: Config) -> None:
    server = config.server
    if (server.tls_cert is None) != (server.tls_key is None):
        raise ConfigError("server.tls_cert and server.tls_key belong together: set both or neither")
    for key in ("tls_cert", "tls_key"):
        path: Path | None = getattr(server, key)
        if path and not path.is_file():
            raise ConfigError(f"server.{key}: no such file: {path}")
    guarded = server.access_key is not None and server.tls_cert is not None
    if not (guarded or server.insecure or is_loopback(server.host)):
        raise ConfigError(
            f'server.host = "{server.host}" is open to others: set VISAVIS_ACCESS_KEY and --tls-cert '
            "with --tls-key, or say --insecure; 127.0.0.1 needs neither"
        )
    if config.media.start_bitrate > config.media.max_bitrate:
        raise ConfigError(f"media.start_bitrate must be at most media.max_bitrate ({config.media.max_bitrate})")


def _check_providers(config: Config) -> None:
    if config.llm.provider == "openai" and config.llm.model is None:
        raise ConfigError("llm.model is missing: name the model that llm.base_url serves")
