"""What a configured server is open to, in words for its operator."""

from __future__ import annotations

import ssl
from pathlib import Path

from engines.avatar_meta import read_meta
from engines.tts.bundle import read_voice
from server.config import Config, is_loopback
from server.engines import voice_folder


def warning(config: Config) -> str | None:
    """What others may do to this server; None where nothing needs to be said."""
    server = config.server
    if is_loopback(server.host) or (server.access_key and server.tls_cert):
        return None
    if server.access_key:
        return "INSECURE: without TLS, whoever is on the way can read the access key, and everything said."
    if server.tls_cert:
        return "INSECURE: without an access key, anybody who reaches this address may use it."
    return "INSECURE: anybody who reaches this address may use it, and whoever is on the way can listen in."


def check_certificate(cert: Path, key: Path) -> None:
    """
    Raises:
        OSError: the files are no certificate and the private key that it was made for, or the key has a passphrase.
    """
    # An empty passphrase, as without one OpenSSL would ask for it on the terminal.
    ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(cert, key, password="")


def check_avatar(config: Config) -> None:
    """
    Raises:
        ValueError: the avatar can't be read, or others would see a person who was never asked.
    """
    if read_meta(config.avatar.path).local_test and not is_loopback(config.server.host):
        raise ValueError(
            f"{config.avatar.path} is marked local-test, as its person's consent is not recorded: serve it on "
            "127.0.0.1, or train it again with --consent"
        )


def check_voice(config: Config) -> None:
    """
    Raises:
        ValueError: others would hear somebody who was never asked.
        SpeechError: the voice can't be read.
    """
    if config.tts.provider != "neural" or is_loopback(config.server.host):
        return
    folder = voice_folder(config)
    if read_voice(folder).consent is None:
        raise ValueError(
            f"{folder} is marked local-test, as its speaker's consent is not recorded: serve it on 127.0.0.1, or train "
            "it again with --consent"
        )
