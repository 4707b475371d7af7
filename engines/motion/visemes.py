"""What each phone looks like, and how strongly it insists on it.

A mouth shape is ten numbers (`LIPS`), which `expand` spreads over the ARKit blendshapes. Amplitudes are those of a
person who speaks at ease, as tracked in real speech (jaw 0.12 on average, rarely above 0.4), never a cartoon's; shapes
keep to the mixtures that the default avatar was captured with. The phone classes follow the usual ARPAbet to viseme
tables (Microsoft SAPI's 22, Rhubarb's diphthongs 60/40); which gestures yield to their neighbours and which do not
follows Cohen & Massaro, "Modeling coarticulation in synthetic visual speech" (1993), and JALI (Edwards et al., 2016):
tongue consonants leave the lips alone, rounding spreads, sibilants narrow the jaw.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engines.media import ARKIT_NAMES, COEFFS, Coeffs

LIPS = (
    "jaw", "funnel", "pucker", "lower", "upper", "stretch", "smile", "press", "roll_lower", "roll_upper",
)  # fmt: skip
"""The parameters of a mouth shape, in order."""

Shape = NDArray[np.float32]
"""float32[10], 0..1, in the order of `LIPS`."""

Seal = Literal["teeth row", "lip and teeth", "lips"]
"""What must meet: the rows of teeth (sibilants), the lower lip and the teeth (f v), both lips (m b p)."""

_BLENDSHAPES = {
    "jaw": ("jawOpen",),
    "funnel": ("mouthFunnel",),
    "pucker": ("mouthPucker",),
    "lower": ("mouthLowerDownLeft", "mouthLowerDownRight"),
    "upper": ("mouthUpperUpLeft", "mouthUpperUpRight"),
    "stretch": ("mouthStretchLeft", "mouthStretchRight"),
    "smile": ("mouthSmileLeft", "mouthSmileRight"),
    "press": ("mouthPressLeft", "mouthPressRight"),
    "roll_lower": ("mouthRollLower",),
    "roll_upper": ("mouthRollUpper",),
}

REACH_BEFORE = np.array([0.055, 0.07, 0.07, 0.05, 0.05, 0.06, 0.06, 0.05, 0.05, 0.05])
"""Seconds in which a phone's dominance falls by e before it begins, per parameter: rounding is prepared earliest."""
REACH_AFTER = np.array([0.05, 0.06, 0.06, 0.045, 0.045, 0.06, 0.06, 0.045, 0.045, 0.045])
"""The same after three quarters of the phone, up to where its target holds."""


@dataclass(frozen=True, slots=True)
class Contact:
    """What the mouth must be while something touches."""

    shape: Shape
    binds: Shape
    """float32[10], 0..1: how far each parameter must follow; the rest may stay with its neighbours."""


@dataclass(frozen=True, slots=True)
class Viseme:
    """A mouth shape and its dominance."""

    shape: Shape
    dominance: Shape
    """float32[10], 0..1.5: how much of each parameter it claims against its neighbours."""
    seal: Seal | None = None
    vowel: bool = False


def _shape(**values: float) -> Shape:
    return np.array([values.get(name, 0.0) for name in LIPS], np.float32)


def _dominance(jaw: float, rounding: float, parting: float, spread: float, seal: float = 0.5) -> Shape:
    return np.array([jaw, rounding, rounding, parting, parting, spread, spread, seal, seal, seal], np.float32)


def _vowel(**values: float) -> Viseme:
    rounded = values.get("funnel", 0.0) > 0
    return Viseme(_shape(**values), _dominance(1.4, 1.0 if rounded else 0.5, 1.0, 0.8, 0.9), vowel=True)


def _tongue(**values: float) -> Viseme:
    """Made behind the teeth: the lips stay with the neighbours."""
    return Viseme(_shape(**values), _dominance(0.5, 0.1, 0.3, 0.15))


_AA = _vowel(jaw=0.4, lower=0.24, upper=0.14)
_AE = _vowel(jaw=0.36, lower=0.28, upper=0.15, stretch=0.14)
_AH = _vowel(jaw=0.26, lower=0.18, upper=0.06)
_AO = _vowel(jaw=0.34, funnel=0.24, pucker=0.14, lower=0.1)
_EH = _vowel(jaw=0.32, lower=0.26, upper=0.12, stretch=0.16)
_ER = _vowel(jaw=0.17, funnel=0.26, pucker=0.14, lower=0.08)
_IH = _vowel(jaw=0.19, lower=0.25, upper=0.07, stretch=0.16, smile=0.05)
_IY = _vowel(jaw=0.17, lower=0.28, upper=0.08, stretch=0.25, smile=0.14)
_UH = _vowel(jaw=0.17, funnel=0.24, pucker=0.26)
_UW = _vowel(jaw=0.13, funnel=0.3, pucker=0.52)
_BILABIAL = Viseme(
    _shape(press=0.42, roll_lower=0.28, roll_upper=0.24), _dominance(0.5, 0.25, 0.6, 0.25, 0.7), seal="lips"
)
_LABIODENTAL = Viseme(
    _shape(jaw=0.06, roll_lower=0.4, upper=0.16, lower=0.0), _dominance(0.6, 0.4, 0.6, 0.3, 0.7), seal="lip and teeth"
)

CONTACTS: dict[Seal, Contact] = {
    "teeth row": Contact(_shape(jaw=0.09), _shape(jaw=0.9)),
    "lip and teeth": Contact(
        _LABIODENTAL.shape,
        _shape(jaw=1, funnel=1, pucker=0.5, lower=1, upper=1, stretch=0.3, press=1, roll_lower=1, roll_upper=1),
    ),
    # A funnel would part the lips, a pucker doesn't ("boo").
    "lips": Contact(
        _BILABIAL.shape,
        _shape(
            jaw=1, funnel=1, pucker=0.4, lower=1, upper=1, stretch=0.5, smile=0.3, press=1, roll_lower=1, roll_upper=1
        ),
    ),
}
"""The contacts, weakest first."""

_ALVEOLAR = _tongue(jaw=0.12, lower=0.18, stretch=0.06)
_DENTAL = _tongue(jaw=0.13, lower=0.18, upper=0.06)
_VELAR = _tongue(jaw=0.19, lower=0.16)
_SIBILANT = Viseme(
    _shape(jaw=0.1, lower=0.28, upper=0.08, stretch=0.2, smile=0.08), _dominance(1.2, 0.25, 0.7, 0.6), seal="teeth row"
)
_HUSHING = Viseme(
    _shape(jaw=0.08, funnel=0.36, pucker=0.2, upper=0.06, lower=0.06), _dominance(1.1, 0.9, 0.6, 0.5), seal="teeth row"
)

REST = Viseme(_shape(), _dominance(0.9, 0.7, 0.9, 0.9, 0.9))
"""Silence: her relaxed mouth."""

VISEMES: dict[str, tuple[Viseme, ...]] = {
    "SIL": (REST,),
    "AA": (_AA,), "AE": (_AE,), "AH": (_AH,), "AO": (_AO,), "EH": (_EH,), "ER": (_ER,), "IH": (_IH,), "IY": (_IY,),
    "UH": (_UH,), "UW": (_UW,),
    "AW": (_AA, _UW), "AY": (_AA, _IH), "EY": (_EH, _IY), "OW": (_AO, _UW), "OY": (_AO, _IH),
    "P": (_BILABIAL,), "B": (_BILABIAL,), "M": (_BILABIAL,),
    "F": (_LABIODENTAL,), "V": (_LABIODENTAL,),
    "T": (_ALVEOLAR,), "D": (_ALVEOLAR,), "N": (_ALVEOLAR,), "L": (_tongue(jaw=0.18, lower=0.18),),
    "TH": (_DENTAL,), "DH": (_DENTAL,),
    "K": (_VELAR,), "G": (_VELAR,), "NG": (_VELAR,),
    "S": (_SIBILANT,), "Z": (_SIBILANT,),
    "SH": (_HUSHING,), "ZH": (_HUSHING,), "CH": (_HUSHING,), "JH": (_HUSHING,),
    "HH": (Viseme(_shape(jaw=0.16, lower=0.1), _dominance(0.15, 0.05, 0.1, 0.05)),),
    "R": (Viseme(_shape(jaw=0.12, funnel=0.26, pucker=0.18), _dominance(0.6, 0.6, 0.3, 0.4)),),
    "W": (Viseme(_shape(jaw=0.07, funnel=0.3, pucker=0.58), _dominance(0.9, 1.2, 0.6, 0.6)),),
    "Y": (Viseme(_shape(jaw=0.1, lower=0.22, stretch=0.2, smile=0.1), _dominance(0.6, 0.25, 0.5, 0.6)),),
}  # fmt: skip
"""ARPAbet to visemes in their order; a diphthong is 60 % its first, 40 % its second."""

_SPREAD = np.zeros((len(LIPS), COEFFS), np.float32)
for _row, _name in enumerate(LIPS):
    for _blendshape in _BLENDSHAPES[_name]:
        _SPREAD[_row, ARKIT_NAMES.index(_blendshape)] = 1.0


def expand(shape: Shape) -> Coeffs:
    """float32[10] to float32[58]: only mouth and jaw, both sides alike, no head pose."""
    return shape @ _SPREAD
