"""Where the files of a data set are: $MICROTOME_DATA, then the user's cache, then a download."""

import os
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pooch
import tifffile

from microtome.benchmark.datasets.dataset import Archive, Dataset
from microtome.benchmark.datasets.read import verify


def present(dataset: Dataset) -> Path | None:
    """The folder that holds all files of `dataset`, without a download; None where they are not here."""
    given = os.environ.get("MICROTOME_DATA")
    for root in [Path(given), _cache()] if given else [_cache()]:
        folder = root / dataset.folder
        if all((folder / name).is_file() for name in dataset.files):
            return folder
    return None


def locate(dataset: Dataset, *, announce: Callable[[str], None]) -> Path:
    """The folder that holds all files of `dataset`, which are downloaded if need be, after `announce`.

    It is announced, too, that files without a known checksum are not verified.

    Raises:
        FileNotFoundError: If they are neither here nor to be had; one line says what to put where.
        ValueError: If what was downloaded is not what we know.
    """
    folder = present(dataset)
    sources = [dataset.archive.url] if dataset.archive else list(dataset.links.values())
    if folder is None and not sources:
        raise FileNotFoundError(_missing(dataset, "it cannot be downloaded as the files we read"))
    if dataset.shapes:
        announce(f"{dataset.title}: not verified, the checksums of {', '.join(dataset.shapes)} are not known")
    if folder is not None:
        return folder
    announce(
        f"downloading {dataset.title} from {', '.join(sources)}; licence {dataset.licence}; "
        f"please cite {dataset.citation}"
    )
    try:
        return _download(dataset, _cache())
    # all of requests' errors are OSErrors
    except (OSError, zipfile.BadZipFile, tifffile.TiffFileError, KeyError) as error:
        reason = " ".join(str(error).split())[:120]
        raise FileNotFoundError(_missing(dataset, f"the download failed ({reason})")) from error


def _cache() -> Path:
    return Path(pooch.os_cache("microtome"))


def _download(dataset: Dataset, cache: Path) -> Path:
    pooch.get_logger().setLevel(
        "WARNING"
    )  # it would print a hash for us to pin; the arrays' checksums are pinned
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as temporary:
        ready = Path(temporary, dataset.folder)
        ready.mkdir()
        if dataset.archive is not None:
            _unpack(dataset, dataset.archive, ready)
        for file, url in dataset.links.items():
            pooch.retrieve(url, known_hash=None, fname=file, path=ready)
        for file in dataset.files:
            verify(dataset, file, ready)  # raises on the way in, so that the cache holds nothing wrong
        target = cache / dataset.folder
        target.mkdir(exist_ok=True)
        for file in dataset.files:
            (ready / file).replace(target / file)
    return target


def _unpack(dataset: Dataset, archive: Archive, folder: Path) -> None:
    name = pooch.retrieve(archive.url, known_hash=None, fname="archive.zip", path=folder)
    with zipfile.ZipFile(name) as opened:
        arrays = archive.arrays(opened)
    for file in dataset.files:
        tifffile.imwrite(folder / file, arrays[file], compression="zlib")


def _missing(dataset: Dataset, reason: str) -> str:
    return (
        f"{dataset.title}: not in $MICROTOME_DATA, not in the cache, and {reason}; get it from "
        f"{dataset.address}, licence {dataset.licence}, and put {', '.join(dataset.files)} "
        f"into $MICROTOME_DATA/{dataset.folder}"
    )
