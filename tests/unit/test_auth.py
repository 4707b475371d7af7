"""The key, and the tokens that it mints."""

from __future__ import annotations

import pytest

from server.auth import Forbidden, Gatekeeper, credential_of, offered_protocols

pytestmark = pytest.mark.unit


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_without_a_key_nobody_is_asked() -> None:
    gate = Gatekeeper(None, Clock())
    assert gate.admit(None).owner is None
    assert gate.admit("anything").owner is None
    gate.check_key(None)
    gate.check_owner(None, None)


def test_without_a_key_a_token_still_brings_its_session() -> None:
    gate = Gatekeeper(None, Clock())
    assert gate.admit(gate.mint(60, {"model": "m"})).session == {"model": "m"}


@pytest.mark.parametrize("credential", [None, "", "wrong", "ek_forged", "secret ", "sécret"])
def test_with_a_key_strangers_stay_out(credential: str | None) -> None:
    gate = Gatekeeper("secret", Clock())
    for check in (gate.admit, gate.check_key, lambda value: gate.check_owner(value, None)):
        with pytest.raises(Forbidden):
            check(credential)


def test_the_key_opens_and_mints() -> None:
    gate = Gatekeeper("secret", Clock())
    assert gate.admit("secret").owner is not None
    gate.check_key("secret")


def test_a_token_opens_for_its_time_and_mints_nothing() -> None:
    clock = Clock()
    gate = Gatekeeper("secret", clock)
    token = gate.mint(60, {"model": "m"})
    assert token.startswith("ek_")
    assert gate.admit(token).session == {"model": "m"}
    with pytest.raises(Forbidden):
        gate.check_key(token)
    clock.now += 60
    with pytest.raises(Forbidden):
        gate.admit(token)


def test_a_token_ends_what_it_opened_even_after_its_time() -> None:
    clock = Clock()
    gate = Gatekeeper("secret", clock)
    token, other = gate.mint(60, {}), gate.mint(60, {})
    owner = gate.admit(token).owner
    clock.now += 3600
    gate.check_owner(token, owner)
    gate.check_owner("secret", owner)
    with pytest.raises(Forbidden):
        gate.check_owner(other, owner)


def test_tokens_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.auth.MAX_TOKENS", 3)
    gate = Gatekeeper("secret", Clock())
    tokens = [gate.mint(60, {}) for _ in range(4)]
    with pytest.raises(Forbidden):
        gate.admit(tokens[0])
    assert gate.admit(tokens[3])


@pytest.mark.parametrize(
    ("headers", "credential"),
    [
        ({"authorization": "Bearer abc"}, "abc"),
        ({"authorization": "bearer  abc "}, "abc"),
        ({"authorization": "Basic abc"}, None),
        ({"sec-websocket-protocol": "realtime, openai-insecure-api-key.abc, openai-agents-sdk.1"}, "abc"),
        ({}, None),
    ],
)
def test_where_a_credential_is_found(headers: dict[str, str], credential: str | None) -> None:
    assert credential_of(headers) == credential


def test_offered_subprotocols() -> None:
    assert offered_protocols({"sec-websocket-protocol": "realtime,x , "}) == ["realtime", "x"]
