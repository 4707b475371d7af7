"""Who is in the picture: a person's silhouette, and in it head, neck and clothes, without a downloaded network.

The backdrop is learned from the clip (a still camera sees most of it at some time), the silhouette is GrabCut's (Rother
et al. 2004), seeded by the face's landmarks, and what belongs to the head is decided by colour and by the jaw.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

WORK = 192
"""Pixels a side at which silhouettes are cut: a few tens of milliseconds each, and the field learns its own edges."""
ROUNDS = 2
"""Of GrabCut, from colour models that the frames before have settled."""

OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149, 150,
    136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
"""Mediapipe's landmarks round the face."""
EYES = ((33, 160, 158, 133, 153, 144), (362, 385, 387, 263, 373, 380))
INNER_LIPS = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95)

BACKDROP, CLOTHES, SKIN, HAIR, EYE, MOUTH = range(6)
"""Classes of a mask, as a capture has them."""

Picture = NDArray[np.uint8]
Points = NDArray[np.float32]


@dataclass
class Matte:
    """Cuts one clip's pictures, in order; remembers the colours of person and backdrop."""

    person: NDArray[np.float64] | None = None
    backdrop: NDArray[np.float64] | None = None

    def mask(self, picture: Picture, marks: Points) -> Picture:
        """uint8[512, 512] of classes for one picture, uint8[512, 512, 3], and its landmarks [478, 2] in pixels."""
        side = picture.shape[0]
        small = np.asarray(cv2.resize(picture, (WORK, WORK), interpolation=cv2.INTER_AREA), np.uint8)
        points = marks * (WORK / side)
        seeds = _seeds(points)
        fresh = self.person is None
        person = np.zeros((1, 65)) if self.person is None else self.person.copy()
        backdrop = np.zeros((1, 65)) if self.backdrop is None else self.backdrop.copy()
        mode = cv2.GC_INIT_WITH_MASK if fresh else cv2.GC_EVAL
        cv2.grabCut(small, seeds, None, backdrop, person, 5 if fresh else ROUNDS, mode)  # pyright: ignore
        self.person, self.backdrop = person, backdrop
        solid = ((seeds == cv2.GC_FGD) | (seeds == cv2.GC_PR_FGD)).astype(np.uint8)
        solid = _largest(solid)
        classes = _classes(small, solid, points)
        large = cv2.resize(classes, (side, side), interpolation=cv2.INTER_NEAREST)
        for ring in EYES:
            cv2.fillPoly(large, [marks[list(ring)].astype(np.int32)], (EYE,))
        cv2.fillPoly(large, [marks[list(INNER_LIPS)].astype(np.int32)], (MOUTH,))
        return np.asarray(large, np.uint8)


def _seeds(points: Points) -> Picture:
    """What is surely person (the face, the chest under it) and surely backdrop (the upper corners)."""
    seeds = np.full((WORK, WORK), cv2.GC_PR_BGD, np.uint8)
    oval = points[list(OVAL)]
    low, high = oval.min(0), oval.max(0)
    width, height = high - low
    centre = (low + high) / 2
    # Hair rises about half a face above its oval, and shoulders spread twice its width from the chin down.
    head = (tuple(centre.astype(int).tolist()), (int(0.68 * width), int(0.85 * height)))
    cv2.ellipse(seeds, head[0], head[1], 0, 0, 360, (cv2.GC_PR_FGD,), -1)
    chin = int(high[1])
    chest = int(centre[0] - width), chin + int(0.25 * height)
    cv2.rectangle(seeds, chest, (int(centre[0] + width), WORK), (cv2.GC_PR_FGD,), -1)
    cv2.fillPoly(seeds, [oval.astype(np.int32)], (cv2.GC_FGD,))
    cv2.rectangle(seeds, (int(centre[0] - width / 4), chin), (int(centre[0] + width / 4), WORK), (cv2.GC_FGD,), -1)
    seeds[WORK - WORK // 24 :, int(max(centre[0] - width, 0)) : int(centre[0] + width)] = cv2.GC_FGD
    top = int(max(low[1] - 0.75 * height, 1))
    seeds[:top] = cv2.GC_BGD
    side = slice(0, int(max(centre[1], 1)))
    seeds[side, : int(max(centre[0] - 1.2 * width, 1))] = cv2.GC_BGD
    seeds[side, int(min(centre[0] + 1.2 * width, WORK - 1)) :] = cv2.GC_BGD
    return seeds


def _largest(solid: Picture) -> Picture:
    """The largest piece, without holes."""
    solid = np.asarray(cv2.morphologyEx(solid, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)), np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(solid)
    if count > 1:
        solid = (labels == 1 + np.argmax(stats[1:, cv2.CC_STAT_AREA])).astype(np.uint8)
    contours, _ = cv2.findContours(solid, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros_like(solid)
    cv2.drawContours(filled, contours, -1, (1,), -1)
    return filled


def _classes(small: Picture, solid: Picture, points: Points) -> Picture:
    """Person pixels as skin, hair or clothes: by place where that decides, else by the nearest colour."""
    oval = points[list(OVAL)]
    face = np.zeros((WORK, WORK), np.uint8)
    cv2.fillPoly(face, [oval.astype(np.int32)], (1,))
    rows, cols = np.mgrid[:WORK, :WORK]
    brow, chin = points[[105, 334], 1].mean(), points[152, 1]
    jaw_left, jaw_right = points[172, 0], points[397, 0]
    low, high = oval.min(0), oval.max(0)
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB).astype(np.float32)
    person = solid > 0
    above, below = person & (rows < brow) & (face == 0), person & (rows > WORK - WORK // 8)
    colours = [_colour(lab, below), _colour(lab, (face > 0) & (rows > brow)), _colour(lab, above)]
    nearest = np.argmin(np.stack([_distance(lab, colour) for colour in colours]), 0)
    out = np.where(person, CLOTHES + nearest, BACKDROP)
    out[person & (rows < chin)] = np.where(nearest == 1, SKIN, HAIR)[person & (rows < chin)]
    under = person & (rows >= chin)
    between = (cols > jaw_left) & (cols < jaw_right)
    width, height = high - low
    # The throat lies in shadow, so what is dark between the jaw's corners is neck; long hair hangs beside it.
    neck = under & between & (nearest != 0) & (rows < chin + 0.25 * height)
    beside = under & ~between & (nearest == 2) & (cols > low[0] - 0.4 * width) & (cols < high[0] + 0.4 * width)
    out[under] = CLOTHES
    out[beside & (rows < chin + 0.5 * height)] = HAIR
    out[neck] = SKIN
    # Shoulders reach above the chin where the head is bowed, but not beside the face.
    out[person & (rows > oval[:, 1].mean()) & (np.abs(cols - points[1, 0]) > 0.9 * width)] = CLOTHES
    out[face > 0] = SKIN
    # Dark clothes have hair's colour, but don't hang together with what grows above the brows.
    _, pieces = cv2.connectedComponents((out == HAIR).astype(np.uint8))
    grown = np.unique(pieces[above & (out == HAIR)])
    out[(out == HAIR) & ~np.isin(pieces, grown)] = CLOTHES
    return out.astype(np.uint8)


def _colour(lab: NDArray[np.float32], where: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and inverse covariance of a region's colours; a broad one where nothing is seen of it."""
    seen = lab[where]
    if len(seen) < 20:
        return np.array([128.0, 128, 128]), np.eye(3) * 1e-3
    spread = np.cov(seen.T) + 20 * np.eye(3)
    return seen.mean(0).astype(float), np.asarray(np.linalg.inv(spread), np.float64)


def _distance(lab: NDArray[np.float32], colour: tuple[NDArray[np.float64], NDArray[np.float64]]) -> NDArray[np.float64]:
    away = lab - colour[0]
    return np.einsum("hwi,ij,hwj->hw", away, colour[1], away) - np.linalg.slogdet(colour[1])[1]
