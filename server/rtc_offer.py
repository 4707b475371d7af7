"""Reading an SDP offer before WebRTC does: what it asks for, and what in it would only do harm."""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_SDP = 64 * 1024
"""Bytes: a browser's offer has 3 to 8 kB."""

MAX_SECTIONS = 8
"""Media sections; every one costs sockets before it is bundled. A conversation needs three."""

MAX_CANDIDATES = 64
"""Each is paired with every address of ours and checked."""


@dataclass(frozen=True, slots=True)
class Offer:
    """An offer that may be given to WebRTC."""

    sdp: str
    audio: bool
    video: bool


def read_offer(sdp: str) -> Offer:
    """Check an offer's size and shape, and take out of it what can't help.

    Left out are mDNS candidates (Chrome hides its addresses behind `.local` names; looking them up costs a second or
    fails, and the browser's own checks reach us anyway) and the end of candidates (without any candidate left, it
    would end the connection before those checks arrive).

    Raises:
        ValueError: what is wrong with the offer.
    """
    if len(sdp) > MAX_SDP or len(sdp.encode(errors="replace")) > MAX_SDP:
        raise ValueError(f"The SDP offer is longer than {MAX_SDP} bytes.")
    lines = sdp.splitlines()
    if not lines or lines[0] != "v=0":
        raise ValueError("This is no SDP offer: it has to begin with v=0.")
    sections = [line.split()[0][2:] for line in lines if line.startswith("m=")]
    if not sections:
        raise ValueError("The SDP offer has no media section: offer audio, video or a data channel.")
    if len(sections) > MAX_SECTIONS:
        raise ValueError(f"The SDP offer has {len(sections)} media sections; at most {MAX_SECTIONS} are taken.")
    unknown = set(sections) - {"audio", "video", "application"}
    if unknown:
        raise ValueError(f"The SDP offer has a section of unknown kind {sorted(unknown)[0]!r}.")
    kept = [line for line in lines if not _harmful(line)]
    if sum(line.startswith("a=candidate:") for line in kept) > MAX_CANDIDATES:
        raise ValueError(f"The SDP offer has more than {MAX_CANDIDATES} candidates.")
    return Offer("\r\n".join(kept) + "\r\n", "audio" in sections, "video" in sections)


_MDNS = re.compile(r"a=candidate:(\S+ ){4}\S+\.local ", re.IGNORECASE)


def _harmful(line: str) -> bool:
    return line == "a=end-of-candidates" or _MDNS.match(line) is not None
