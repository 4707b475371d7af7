"""The configuration: layers, mistakes, secrets, and an address open to others."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from server.config import ConfigError, load_config
from server.rtc_codecs import MIN_BITRATE

pytestmark = pytest.mark.unit


@pytest.fixture
def toml(tmp_path: Path):
    def write(text: str) -> Path:
        path = tmp_path / "visavis.toml"
        path.write_text(text)
        return path

    return write


@pytest.fixture(autouse=True)
def elsewhere(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("cwd"))


def message(
    path: Path | None, overrides: Mapping[str, object] | None = None, environ: dict[str, str] | None = None
) -> str:
    with pytest.raises(ConfigError) as error:
        load_config(path, overrides, environ or {})
    return str(error.value)


def test_defaults_are_safe_and_complete() -> None:
    config = load_config(environ={})
    assert (config.server.host, config.server.port) == ("127.0.0.1", 8000)
    assert config.server.access_key is None
    assert not config.privacy.log_transcripts
    assert config.llm.provider == "knowledge"
    assert config.avatar.path == Path(__file__).parents[2] / "avatars/default"


def test_environment_wins_over_the_file_and_the_command_line_over_both(toml) -> None:
    path = toml("[server]\nport = 1\nhost = '127.0.0.2'\n[turn]\nsilence_ms = 400\n")
    environ = {
        "VISAVIS_SERVER_PORT": "2",
        "VISAVIS_SERVER_HOST": "127.0.0.3",
        "VISAVIS_SERVER_MAX_SESSIONS": "",
    }
    config = load_config(path, {"server.port": "3", "server.host": None}, environ)
    assert (config.server.port, config.server.host, config.turn.silence_ms) == (3, "127.0.0.3", 400)


def test_the_file_of_the_working_directory_is_taken() -> None:
    Path("visavis.toml").write_text("[turn]\nprefix_ms = 111\n")
    assert load_config(environ={}).turn.prefix_ms == 111


def test_every_kind_of_value_reads_from_text() -> None:
    environ = {
        "VISAVIS_SERVER_INSECURE": "true",
        "VISAVIS_SERVER_ALLOW_ORIGIN": "https://a.example, http://b.example:8080",
        "VISAVIS_SERVER_IDLE_TIMEOUT_S": "7.5",
        "VISAVIS_MEDIA_CODEC": "h264",
        "VISAVIS_AVATAR_PATH": "faces/her",
    }
    config = load_config(environ=environ)
    assert config.server.insecure
    assert config.server.allow_origin == ("https://a.example", "http://b.example:8080")
    assert config.server.idle_timeout_s == 7.5
    assert config.media.codec == "h264"
    assert config.avatar.path == Path.cwd() / "faces/her"


def test_a_path_in_the_file_is_meant_from_its_folder(toml) -> None:
    path = toml("[knowledge]\npath = 'kiosk.md'\n")
    assert load_config(path, environ={}).knowledge.path == path.parent / "kiosk.md"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("[server]\nprot = 1\n", ("server.prot", "did you mean server.port", "server.host")),
        ("[sever]\nport = 1\n", ("unknown table sever", "did you mean server")),
        ("port = 1\n", ("unknown table port",)),
        ("server = 1\n", ("[server]",)),
        ("[server]\nport = 99999\n", ("server.port", "99999", "an integer from 0 to 65535")),
        ("[server]\nport = '80'\n", ("server.port", "an integer from 0 to 65535")),
        ("[server]\nport = true\n", ("server.port", "an integer")),
        ("[server]\ninsecure = 1\n", ("server.insecure", "true or false")),
        ("[server]\nallow_host = 'a'\n", ("server.allow_host", "a list of host names")),
        ("[media]\ncodec = 'av1'\n", ("media.codec", '"vp8" or "h264"')),
        ("[avatar]\nidle_fps = 7\n", ("avatar.idle_fps", "5.0 or 12.5 or 25.0")),
        ("[llm]\nbase_url = 'ftp://x'\n", ("llm.base_url", "^https?://")),
        ("[server\n", ("Expected", "line 1")),
    ],
)
def test_a_mistake_names_the_file_the_key_and_what_is_allowed(toml, text: str, parts: tuple[str, ...]) -> None:
    path = toml(text)
    told = message(path)
    assert str(path) in told
    for part in parts:
        assert part in told


def test_every_mistake_is_told_at_once(toml) -> None:
    told = message(toml("[server]\nport = -1\n[turn]\nthreshold = 2.0\n"))
    assert "server.port" in told
    assert "turn.threshold" in told


def test_a_missing_file_is_an_error_when_it_was_asked_for(tmp_path: Path) -> None:
    assert "none.toml" in message(tmp_path / "none.toml")


def test_a_mistake_in_the_environment_names_the_variable() -> None:
    assert "VISAVIS_SERVER_PORT: server.port" in message(None, environ={"VISAVIS_SERVER_PORT": "http"})
    assert "VISAVIS_SERVER_PROT: unknown key" in message(None, environ={"VISAVIS_SERVER_PROT": "1"})


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("VISAVIS_SEVER_PORT", "VISAVIS_SERVER_PORT"),
        ("VISAVIS_PORT", "unknown variable VISAVIS_PORT"),
        ("VISAVIS_ACCES_KEY", "VISAVIS_ACCESS_KEY"),
        ("VISAVIS_SERVER", "unknown variable VISAVIS_SERVER"),
        ("VISAVIS_SERVER_ACCESS_KEY", "use VISAVIS_ACCESS_KEY"),
        ("VISAVIS_MEDIA_TURN_PASSWORD", "use VISAVIS_TURN_PASSWORD"),
    ],
)
def test_a_variable_that_would_do_nothing_stops_the_server(variable: str, meant: str) -> None:
    told = message(None, environ={variable: "hunter2"})
    assert meant in told
    assert "hunter2" not in told


def test_what_is_echoed_fits_an_event() -> None:
    assert "of at most 40000 characters" in message(None, {"llm.instructions": "x" * 40_001})
    assert "from 100 to 40000" in message(None, {"server.text_max_chars": "40001"})


def test_the_least_bitrate_is_the_encoders() -> None:
    assert load_config(None, {"media.start_bitrate": MIN_BITRATE}, {}).media.start_bitrate == MIN_BITRATE
    assert f"from {MIN_BITRATE}" in message(None, {"media.start_bitrate": MIN_BITRATE - 1})


def test_a_mistake_on_the_command_line_says_so() -> None:
    assert message(None, {"turn.silence_ms": "soon"}).startswith("the command line: turn.silence_ms")
    assert "unknown table" in message(None, {"port": "1"})


@pytest.mark.parametrize("key", ["server.access_key", "llm.key", "asr.key", "tts.key"])
def test_secrets_are_refused_outside_the_environment_and_never_shown(toml, key: str) -> None:
    section, name = key.split(".")
    for told in (message(toml(f"[{section}]\n{name} = 'hunter2'\n")), message(None, {key: "hunter2"})):
        assert "in the environment" in told
        assert "hunter2" not in told


def test_secrets_come_from_the_environment_and_stay_out_of_repr() -> None:
    environ = {"VISAVIS_ACCESS_KEY": "open", "VISAVIS_LLM_KEY": "ponder", "OPENAI_API_KEY": "everywhere"}
    config = load_config(environ=environ | {"VISAVIS_TTS_BASE_URL": "http://127.0.0.1:9/v1"})
    assert config.server.access_key is not None
    assert config.server.access_key.get_secret_value() == "open"
    assert config.llm.key is not None
    assert config.llm.key.get_secret_value() == "ponder"
    assert config.asr.key is not None
    assert config.asr.key.get_secret_value() == "everywhere"
    assert config.tts.key is None, "OpenAI's key goes to OpenAI's own server only"
    assert "ponder" not in repr(config)


def test_an_open_address_needs_a_key_and_tls_or_insecure_said_aloud(tmp_path: Path) -> None:
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    cert.touch()
    key.touch()
    tls = {"server.host": "0.0.0.0", "server.tls_cert": str(cert), "server.tls_key": str(key)}
    assert "--insecure" in message(None, {"server.host": "0.0.0.0"})
    assert "--insecure" in message(None, {"server.host": "kiosk.example"}, {"VISAVIS_ACCESS_KEY": "k"})
    assert "--insecure" in message(None, tls)
    assert load_config(None, tls, {"VISAVIS_ACCESS_KEY": "k"}).server.tls_cert == cert
    assert load_config(None, {"server.host": "0.0.0.0", "server.insecure": True}, {}).server.insecure
    for host in ("localhost", "::1", "127.1.2.3"):
        assert load_config(None, {"server.host": host}, {}).server.host == host


def test_half_of_tls_and_missing_files_are_errors(tmp_path: Path) -> None:
    assert "set both" in message(None, {"server.tls_cert": "cert.pem"})
    told = message(None, {"server.tls_cert": str(tmp_path / "c"), "server.tls_key": str(tmp_path / "k")})
    assert "no such file" in told


@pytest.mark.parametrize(
    "origin",
    [
        "https://a.example/", "https://a.example/shop", "https://a.example?x", "https://me@a.example", "a.example",
        "https://", "https://a.example:99999", "ftp://a.example", "null", "*", "",
    ],
)  # fmt: skip
def test_an_origin_is_exact(origin: str) -> None:
    told = message(None, {"server.allow_origin": [origin]})
    assert "server.allow_origin" in told
    assert "a list of origins like https://shop.example" in told


@pytest.mark.parametrize(
    ("origin", "sent"),
    [
        ("https://A.example:443", "https://a.example"),
        ("HTTP://a.example:80", "http://a.example"),
        ("http://a.example:443", "http://a.example:443"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_an_origin_is_kept_as_browsers_send_it(origin: str, sent: str) -> None:
    assert load_config(None, {"server.allow_origin": [origin]}, {}).server.allow_origin == (sent,)


@pytest.mark.parametrize("host", ["https://a.example", "a.example/", "a.example:8000", "[::1]:8000", "*", "", "a b"])
def test_a_host_is_a_name_alone(host: str) -> None:
    assert "without scheme, port or path" in message(None, {"server.allow_host": [host]})


def test_hosts_are_names_and_addresses() -> None:
    config = load_config(None, {"server.allow_host": "Kiosk.example, 192.0.2.7, [2001:DB8::1], ::2"}, {})
    assert config.server.allow_host == ("kiosk.example", "192.0.2.7", "2001:db8::1", "::2")


def test_a_model_or_its_server_implies_the_provider(toml) -> None:
    config = load_config(toml("[llm]\nmodel = 'llama3.2'\n[asr]\nbase_url = 'http://127.0.0.1:1/v1'\n"), environ={})
    assert (config.llm.provider, config.asr.provider, config.tts.provider) == ("openai", "openai", "neural")
    assert "llm.model is missing" in message(None, {"llm.base_url": "http://127.0.0.1:1/v1"})
    kept = load_config(None, {"llm.provider": "knowledge", "llm.model": "llama3.2"}, {})
    assert kept.llm.provider == "knowledge"
