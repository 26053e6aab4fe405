"""How well restoring undoes damage that was planted in a real image: restoration.py IMAGE OUT.

Flicker, stripes and missing sections are planted one after another, the image restored and compared with what
it was. Prints a table, and writes pictures of before and after into the folder OUT.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from imageio.v3 import imwrite
from jaxtyping import Float64, UInt8
from scipy import ndimage

from microtome.box import Box, Int3
from microtome.volume import ArrayVolume, Volume, open_volume
from microtome.volume.restore import Restoration, Stripes, damage_report, restored
from microtome.volume.restore.quality import flicker, held_out, stripe_energy
from microtome.volume.restore.statistics import section_statistics

Image = UInt8[np.ndarray, "z y x"]
Row = tuple[str, float, float]
"""A measure, and its value before and after."""

NM = (45.0, 9.2, 9.2)  # nothing measured here depends on it
SHOWN = 384  # sides in pixels of the pictures


def main(image: Image, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    middle = len(image) // 2
    print(f"| {len(image)} sections of {image.shape[1]} × {image.shape[2]} | before | after |\n|---|---|---|")
    for rows in (deflickering(image), destriping(image, out), making_up(image, out), finding(image, middle)):
        for measure, before, after in rows:
            print(f"| {measure} | {before:.4g} | {after:.4g} |", flush=True)
    flicker_picture(image, out)


def deflickering(image: Image) -> Iterator[Row]:
    """Errors are against the undamaged image out of the same filter, as its own flicker goes, too."""
    bad = flickered(image)
    for matching in ("mean", "histogram"):
        clean, result = (filtered(one, Restoration(matching=matching)) for one in (image, bad))
        yield f"`{matching}`: flicker as recorded", brightness_flicker(image), brightness_flicker(clean)
        yield f"`{matching}`: flicker planted", brightness_flicker(bad), brightness_flicker(result)
        yield f"`{matching}`: r.m.s. error", rms(image, bad), rms(clean, result)


def destriping(image: Image, out: Path) -> Iterator[Row]:
    striped = grey(image + lines(image.shape))
    clean, result = (filtered(one, Restoration(stripes=Stripes())) for one in (image, striped))
    before, after = (100 * stripe_energy(volume(one)).along_y for one in (striped, result))
    yield "stripes: % of detail that lies in stripes", before, after
    yield "stripes: r.m.s. error", rms(image, striped), rms(image, result)
    yield "stripes: r.m.s. change of the undamaged image", 0, rms(image, clean)
    z = len(image) // 2
    picture(out / "stripes.png", striped[z], result[z], image[z])


def making_up(image: Image, out: Path) -> Iterator[Row]:
    """Before: a copy of the section below; after: the method. Of eight sections made up as if missing."""
    z = len(image) // 2
    made = restored(volume(image), Restoration(missing=(z,)))
    found = {one.method: one for one in held_out(made.interpolated, 255.0)}
    for method in ("linear", "motion"):
        yield f"`{method}`: PSNR of missing sections, dB", found["nearest"].psnr, found[method].psnr
        yield f"`{method}`: SSIM of missing sections", found["nearest"].ssim, found[method].ssim
    linear = filtered(image, Restoration(missing=(z,), method="linear"))
    picture(out / "missing.png", image[z - 1], linear[z], made.image.read(Box.of(image.shape))[z], image[z])


def finding(image: Image, z: int) -> Iterator[Row]:
    """Sections reported of which one is damaged, and of the undamaged image."""
    yield "sections that look damaged, none being so", 0, len(damage_report(volume(image)))
    blurred = ndimage.gaussian_filter(image[z], 2)
    for name, section in (
        ("blank", 0 * blurred),
        ("blurred", blurred),
        ("misplaced", np.roll(image[z], 60, 1)),
    ):
        bad = image.copy()
        bad[z] = section
        rows = [row["section"] for row in damage_report(volume(bad))]
        yield f"a {name} section is found (1), others with it", float(z in rows), len(set(rows) - {z})


def flicker_picture(image: Image, out: Path) -> None:
    """A cut through the sections, each of them six pixels high."""
    bad = flickered(image)
    cuts = [
        one[:, one.shape[1] // 2, : 2 * SHOWN] for one in (bad, filtered(bad, Restoration(matching="mean")))
    ]
    gap = np.full((1, cuts[0].shape[1]), 255, np.uint8)
    imwrite(out / "flicker.png", np.repeat(np.concatenate([cuts[0], gap, cuts[1]]), 6, axis=0))


def flickered(image: Image, seed: int = 0, gain: float = 0.05, offset: float = 10.0) -> Image:
    """Each section with a gain about 128 and an offset of its own, of these s.d."""
    rng = np.random.default_rng(seed)
    gains = 1 + gain * rng.normal(size=len(image))[:, None, None]
    offsets = offset * rng.normal(size=len(image))[:, None, None]
    return grey((image - 128.0) * gains + 128 + offsets)


def lines(shape: Int3, seed: int = 0, strength: float = 12.0) -> Float64[np.ndarray, "z y x"]:
    """Stripes along y, about 2 to 12 voxels wide and `strength` grey values in s.d., new in each section."""
    rng = np.random.default_rng(seed)
    rows = np.zeros((shape[0], shape[2]))
    for sigma in (1, 2, 3):
        noise = rng.normal(size=rows.shape)
        band = ndimage.gaussian_filter1d(noise, sigma) - ndimage.gaussian_filter1d(noise, 3 * sigma)
        rows += band / band.std()
    return np.broadcast_to((strength * rows / rows.std())[:, None], shape)


def grey(image: Float64[np.ndarray, "z y x"]) -> Image:
    return np.rint(np.clip(image, 0, 255)).astype(np.uint8)


def volume(image: np.ndarray) -> Volume:
    return ArrayVolume(image, NM)


def filtered(image: np.ndarray, wanted: Restoration) -> np.ndarray:
    return restored(volume(image), wanted).image.read(Box.of(image.shape))


def rms(a: np.ndarray, b: np.ndarray) -> float:
    """Root mean square difference."""
    return float(np.sqrt(np.mean((a.astype(np.float64) - b) ** 2)))


def brightness_flicker(image: Image) -> float:
    statistics = section_statistics(volume(image))
    return flicker(statistics.means, statistics.deviations > 0) or 0.0


def picture(path: Path, *sections: UInt8[np.ndarray, "y x"]) -> None:
    imwrite(path, np.concatenate([one[:SHOWN, :SHOWN] for one in sections], axis=1))


if __name__ == "__main__":
    opened = open_volume(sys.argv[1], NM)
    main(opened.read(Box.of(opened.shape)), Path(sys.argv[2]))
