"""Outlines of bodies in a small square: random, rough and bent, as depths in pixels."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64
from scipy import ndimage

SIDE = 64  # pixels of the square that one proposal has to itself
Plane = Float64[np.ndarray, "s s"]
_Y, _X = np.mgrid[:SIDE, :SIDE].astype(np.float64)


@dataclass(frozen=True, slots=True)
class Pose:
    """Where a body lies: its middle, y and x in pixels of the square, and the angle of its long axis."""

    y: float
    x: float
    angle: float

    def axes(self) -> tuple[Plane, Plane]:
        """Of each pixel, how far along and across the long axis it lies."""
        dy, dx = _Y - self.y, _X - self.x
        c, s = np.cos(self.angle), np.sin(self.angle)
        return dy * c + dx * s, dx * c - dy * s

    def moved(self, along: float, across: float) -> "Pose":
        """The same angle, elsewhere."""
        c, s = np.cos(self.angle), np.sin(self.angle)
        return Pose(self.y + along * c - across * s, self.x + along * s + across * c, self.angle)


@dataclass(frozen=True, slots=True)
class Form:
    """How a body is shaped: half its length and width in pixels, and how far it is bent and rough."""

    half_length: float
    half_width: float
    bend: float = 0.0  # pixels by which the ends lie off the axis
    rough: float = 0.05  # standard deviation of the radius, as a share of it


def anywhere(rng: np.random.Generator) -> Pose:
    """About the middle of the square, at any angle."""
    y, x = SIDE / 2 + rng.normal(0, 1.5, 2).clip(-3, 3)
    return Pose(float(y), float(x), float(rng.uniform(0, np.pi)))


def ordinary(rng: np.random.Generator, longest: float = 20.0) -> Form:
    """A mitochondrion in section: round to four times as long as wide, 130 to 340 nm wide at 16 nm."""
    width = float(np.clip(np.exp(rng.normal(np.log(6.8), 0.2)), 4.2, 10.5))
    length = float(np.clip(width * (1 + rng.gamma(1.6, 0.45)), width, max(width, longest)))
    return Form(length, width, float(rng.normal(0, 0.22) * width), float(rng.uniform(0.02, 0.09)))


def body(form: Form, pose: Pose, rng: np.random.Generator) -> Plane:
    """How deep each pixel lies in a body: pixels to its outline, negative outside."""
    along, across = pose.axes()
    across = across - form.bend * ((along / form.half_length) ** 2 - 0.4)
    angle = np.arctan2(across / form.half_width, along / form.half_length)
    radius = np.ones_like(angle)
    for k in range(2, 6):
        radius += form.rough * rng.normal() * np.cos(k * angle + rng.uniform(0, 2 * np.pi))
    return depth(np.hypot(along / form.half_length, across / form.half_width) < radius)


def bar(half_length: float, half_width: float, pose: Pose, bend: float = 0.0) -> Plane:
    """How deep each pixel lies in a bent bar with round ends."""
    along, across = pose.axes()
    across = across - bend * ((along / half_length) ** 2 - 0.4)
    beyond = np.maximum(np.abs(along) - half_length, 0)
    return half_width - np.hypot(beyond, across)


def depth(mask: Bool[np.ndarray, "s s"]) -> Plane:
    """Pixels to the border of a mask, positive inside; the square's edge is no border."""
    if not mask.any():
        return np.full(mask.shape, -float(SIDE))
    inside, outside = ndimage.distance_transform_edt(mask), ndimage.distance_transform_edt(~mask)
    return np.where(mask, inside - 0.5, 0.5 - outside)


def waves(rng: np.random.Generator, length: float) -> Plane:
    """Smooth noise of mean 0 and deviation 1 whose features are about `length` pixels wide."""
    coarse = rng.normal(size=(2 + int(np.ceil(SIDE / length)),) * 2)
    place = np.arange(SIDE) / length + rng.uniform(0, 0.9)
    low = np.minimum(place.astype(int), len(coarse) - 2)
    part = place - low
    part = part * part * (3 - 2 * part)
    rows = coarse[low] * (1 - part)[:, None] + coarse[low + 1] * part[:, None]
    field = rows[:, low] * (1 - part) + rows[:, low + 1] * part
    return (field - field.mean()) / (field.std() + 1e-9)
