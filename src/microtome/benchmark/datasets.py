"""Public, hand-labelled data sets by name: where they lie, under which licence, and how to read them.

Nothing of them is part of this package. The folder `$MICROTOME_DATA` comes first, then the user's cache, then
a download that says beforehand what it fetches and under which licence.
"""

import difflib
import hashlib
import os
import tempfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import imageio.v3 as iio
import numpy as np
import pooch
import tifffile
from jaxtyping import Bool, Shaped

from microtome.box import Int3
from microtome.labels import borders
from microtome.project.parse import parse_split
from microtome.volume import ArrayVolume, Volume

Arrays = dict[str, Shaped[np.ndarray, "z y x"]]
"""Arrays by the name of the file that holds them."""


@dataclass(frozen=True, slots=True)
class ClassSource:
    """The file in which a class is written down, and how.

    "mask" and "ids" mean every voxel that is not 0, "borders" the voxels where one id meets another,
    a number the voxels of that value.
    """

    file: str
    reading: Literal["mask", "ids", "borders"] | int


@dataclass(frozen=True, slots=True)
class Part:
    """One image of a data set, the classes labelled in it, and where to train and to test.

    `train` and `test` are boxes in voxels of the file, "z0:z1" or "z0:z1,y0:y1,x0:x1". Splits of sections
    leave a guard between them: neighbouring sections are near-copies. `halves` splits at the middle of y.
    """

    image: str
    classes: Mapping[str, ClassSource]
    train: str | None = None
    test: str | None = None
    halves: bool = False
    tested_in: str | None = None  # the part to test on, where that is another image


@dataclass(frozen=True, slots=True)
class Licence:
    """The licence's short name, and whether it rules out commercial use; None where nobody told us."""

    name: str
    non_commercial: bool | None

    def __str__(self) -> str:
        return f"{self.name} (non-commercial use only)" if self.non_commercial else self.name


@dataclass(frozen=True, slots=True)
class Archive:
    """A zip file to download, and what turns it into our files."""

    url: str
    arrays: Callable[[zipfile.ZipFile], Arrays]


@dataclass(frozen=True, slots=True)
class Dataset:
    """A data set; `checksums` name the files of `folder` with the `checksum` of their arrays.

    `shapes` name those whose checksum is not known to us: they hold uint8 of that shape, or of any where it
    is None, and no more than that is checked. `address` is where people find the original. The files come
    from `archive`, or each from its address in `links`; without either they have to be put in place by hand.
    """

    name: str
    title: str
    folder: str
    voxel_size_nm: tuple[float, float, float]
    parts: Mapping[str, Part]
    licence: Licence
    citation: str
    address: str
    checksums: Mapping[str, str] = field(default_factory=dict)
    shapes: Mapping[str, Int3 | None] = field(default_factory=dict)
    archive: Archive | None = None
    links: Mapping[str, str] = field(default_factory=dict)

    @property
    def files(self) -> tuple[str, ...]:
        """The names of all files, the verified ones first."""
        return (*self.checksums, *self.shapes)


def find(name: str) -> Dataset:
    """The data set called `name`.

    Raises:
        ValueError: If there is none; the message offers the nearest name.
    """
    if name in DATASETS:
        return DATASETS[name]
    near = difflib.get_close_matches(name, DATASETS, n=1, cutoff=0.4)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise ValueError(f"no data set is called {name!r}; {hint}There are {', '.join(DATASETS)}")


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


def load(
    dataset: Dataset, classes: Sequence[str], folder: Path, *, part: str | None = None
) -> tuple[Volume, Volume]:
    """Image, and uint8 labels: 0 background, then 1, 2, … in the order of `classes`; later ones win overlaps.

    `part` names one of `dataset.parts`; it may be left out where there is only one image, for the first.

    Raises:
        ValueError: If a class or part is unknown, a file is not what we know, or shapes differ.
    """
    chosen = _part(dataset, part)
    unknown = [name for name in classes if name not in chosen.classes]
    if unknown or not classes:
        named = f"no class {unknown[0]!r}" if unknown else "classes but none were asked for"
        raise ValueError(f"{dataset.name} has {named}; there are {', '.join(chosen.classes)}")
    image = read(dataset, chosen.image, folder)
    labels = np.zeros(image.shape, np.uint8)
    for value, name in enumerate(classes, start=1):
        where = _where(dataset, chosen.classes[name], folder)
        if where.shape != image.shape:
            raise ValueError(
                f"expected labels of the image's shape {image.shape}; "
                f"{folder / chosen.classes[name].file} has {where.shape}"
            )
        labels[where] = value
    return ArrayVolume(image, dataset.voxel_size_nm), ArrayVolume(labels, dataset.voxel_size_nm)


def splits(part: Part, shape: Int3, downsample: Int3 = (1, 1, 1)) -> tuple[str | None, str | None]:
    """Where to train and to test in the image of `part`, in the words of `project.toml`; None if not said.

    `shape` is that of the file, the boxes are those after downsampling. What lies half inside is left out.

    Raises:
        ValueError: If a split does not fit into `shape`, or nothing of it is left.
    """
    z, y, x = shape
    train, test = part.train, part.test
    if part.halves:
        train, test = f"0:{z},0:{y // 2},0:{x}", f"0:{z},{y // 2}:{y},0:{x}"
    return _downsampled(train, shape, downsample), _downsampled(test, shape, downsample)


def read(dataset: Dataset, file: str, folder: Path) -> Shaped[np.ndarray, "z y x"]:
    """The array in one file of `dataset`, e.g. instance ids; a 2-D image has one section.

    Raises:
        ValueError: If its content is not what we know.
    """
    path = folder / file
    array = tifffile.imread(path) if path.suffix == ".tif" else iio.imread(path)
    array = array[None] if array.ndim == 2 else array
    if file in dataset.shapes:
        _require_bytes(array, dataset.shapes[file], path)
        return array
    got, expected = checksum(array), dataset.checksums[file]
    if got != expected:
        raise ValueError(f"{path} is not the file we know: expected checksum {expected}, got {got}")
    return array


def checksum(array: Shaped[np.ndarray, "..."]) -> str:
    """SHA-256 of an array's dtype, shape and values: the same however its file is compressed."""
    head = f"{array.dtype.name} {','.join(map(str, array.shape))} "
    values = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    return hashlib.sha256(head.encode() + values.tobytes()).hexdigest()


def vnc_arrays(archive: zipfile.ZipFile) -> Arrays:
    """Our files of the VNC data set from its repository's zip: folders of sections to stacks.

    Three mitochondria sections are 1-bit images (1, 7, 18): a mask is what is not 0, never what exceeds 127.
    """
    root = archive.namelist()[0].split("/")[0] + "/stack1"
    image = _stack(archive, f"{root}/raw", "{:02d}.tif")
    classes = _stack(archive, f"{root}/labels", "labels{:08d}.png")
    masks = {
        f"{name}.tif": _stack(archive, f"{root}/{name}", "{:02d}.png") != 0
        for name in ("membranes", "mitochondria", "synapses")
    }
    inside_a_cell = classes == 255  # what is white there is the cells, not their membranes
    if masks["membranes.tif"][inside_a_cell].mean() > 0.5:
        masks["membranes.tif"] = ~masks["membranes.tif"]
    return {"image.tif": image} | {name: mask.astype(np.uint8) for name, mask in masks.items()}


def _stack(archive: zipfile.ZipFile, folder: str, pattern: str) -> Shaped[np.ndarray, "z y x"]:
    names = [f"{folder}/{pattern.format(z)}" for z in range(20)]
    sections = [iio.imread(archive.read(name), extension=Path(name).suffix) for name in names]
    return np.stack([section[..., 0] if section.ndim == 3 else section for section in sections])


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
            read(dataset, file, ready)  # raises on the way in, so that the cache holds nothing wrong
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


def _part(dataset: Dataset, part: str | None) -> Part:
    if part is None and len({part.image for part in dataset.parts.values()}) == 1:
        return next(iter(dataset.parts.values()))
    if part is None or part not in dataset.parts:
        raise ValueError(f"{dataset.name} has the parts {', '.join(dataset.parts)}; got {part!r}")
    return dataset.parts[part]


def _where(dataset: Dataset, source: ClassSource, folder: Path) -> Bool[np.ndarray, "z y x"]:
    array = read(dataset, source.file, folder)
    if source.reading == "borders":
        return borders(array)
    return array == source.reading if isinstance(source.reading, int) else array != 0


def _require_bytes(array: np.ndarray, shape: Int3 | None, path: Path) -> None:
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape != (shape or array.shape):
        raise ValueError(
            f"{path} is not the file we know: expected uint8 of shape {shape or 'z, y, x'}, "
            f"got {array.dtype} of {array.shape}"
        )


def _downsampled(split: str | None, shape: Int3, factors: Int3) -> str | None:
    if split is None:
        return None
    box = parse_split(split, shape)
    starts = [-(-start // factor) for start, factor in zip(box.start, factors, strict=True)]
    stops = [stop // factor for stop, factor in zip(box.stop, factors, strict=True)]
    small = ",".join(f"{start}:{stop}" for start, stop in zip(starts, stops, strict=True))
    z, y, x = (side // factor for side, factor in zip(shape, factors, strict=True))
    parse_split(small, (z, y, x))
    return small if "," in split else small.partition(",")[0]


def _axon_part(name: str) -> Part:
    label = f"{name}_label.png"
    return Part(f"{name}_image.png", {"myelin": ClassSource(label, 1), "axon": ClassSource(label, 2)})


def _epfl_part(name: str, tested_in: str | None = None) -> Part:
    classes = {"mitochondria": ClassSource(f"{name}_groundtruth.tif", "mask")}
    return Part(f"{name}.tif", classes, tested_in=tested_in)


_VNC_CLASSES = {
    "mitochondria": ClassSource("mitochondria.tif", "mask"),
    "membranes": ClassSource("membranes.tif", "mask"),
    "synapses": ClassSource("synapses.tif", "mask"),
}

_VNC = Dataset(
    name="vnc",
    title="Drosophila larva ventral nerve cord, serial-section TEM",
    folder="vnc_sstem",
    voxel_size_nm=(45.0, 4.6, 4.6),
    parts={
        "stack1": Part("image.tif", _VNC_CLASSES, train="0:9", test="11:20"),
        "y-halves": Part("image.tif", _VNC_CLASSES, halves=True),  # as Roels & Saeys (2019) split it
    },
    licence=Licence("CC BY-NC-SA 3.0", non_commercial=True),
    citation="Gerhard et al. 2013, doi:10.6084/m9.figshare.856713",
    address="https://github.com/unidesigner/groundtruth-drosophila-vnc",
    checksums={
        "image.tif": "d7646d949398854a7d7c65f7fe0a20c2f218c4e513489546c8c2882b2ba2bede",
        "mitochondria.tif": "c23c65bc0c4e0bbe9b387590db1f4ef2dec522e388fa14307b35dbddb0f8a7fd",
        "membranes.tif": "b3f146a229703683dec90abc77f4c2cf500962d995eacd8d8ee5eec967d939d1",
        "synapses.tif": "6f99b8b2183efa5c5eb2678113ffa88db6023760012f7b3cfd637584309c24d9",
    },
    archive=Archive(
        "https://github.com/unidesigner/groundtruth-drosophila-vnc/archive/refs/heads/master.zip", vnc_arrays
    ),
)

_ISBI2012 = Dataset(
    name="isbi2012",
    title="ISBI 2012 training stack, Drosophila larva ventral nerve cord, with organelle labels",
    folder="isbi2012_vnc",
    voxel_size_nm=(50.0, 4.0, 4.0),
    parts={
        "train": Part(
            "image.tif",
            {
                "mitochondria": ClassSource("mitochondria_ids.tif", "ids"),
                "membranes": ClassSource("membranes.tif", "mask"),
                "synapses": ClassSource("synapses.tif", "mask"),
            },
            train="0:14",
            test="16:30",
        )
    },
    licence=Licence("for non-commercial segmentation research, with citation", non_commercial=True),
    citation="Cardona et al. 2010, doi:10.1371/journal.pbio.1000502; Arganda-Carreras et al. 2015",
    address="https://imagej.net/events/isbi-2012-segmentation-challenge",
    checksums={
        "image.tif": "888c162654cdd002f56786d8a46ef7269459fed0a4691d33447a31dcf2bd5f29",
        "mitochondria_ids.tif": "5fd6bd4629bcfff4b1a32f22f0adc72ec621b43329767dc584de63801b896f8c",
        "membranes.tif": "8a5a570951be7b51c741a9ac85f640d6454add241db8bf75b4ef63513f39d9ff",
        "synapses.tif": "fdb4168db694fc4062b5b824a7dd2446755c7c4027345b8b5e44d7288e2363d6",
    },
)

_FLYEM = Dataset(
    name="flyem",
    title="FlyEM, adult Drosophila medulla, FIB-SEM (training_sample2)",
    folder="flyem_medulla",
    voxel_size_nm=(10.0, 10.0, 10.0),
    parts={
        "training_sample2": Part(
            "image.tif", {"membranes": ClassSource("instances.tif", "borders")}, "0:115", "135:250"
        )
    },
    licence=Licence("CC BY", non_commercial=False),
    citation="Takemura et al. 2015; Parag et al. 2015",
    address="https://github.com/janelia-flyem/neuroproof_examples",
    checksums={
        "image.tif": "565742c7bea3a030440857bc2f4137868c0071171edb8b48a1e64ce09bfba65d",
        "instances.tif": "8c260a9c1d89d68542eeb553f65ddb6f2226487db62a945fede4c02567c70444",
    },
)

_AXON_MYELIN = Dataset(
    name="axon-myelin",
    title="AxonDeepSeg, rat spinal cord, SEM",
    folder="axon_myelin_sem",
    voxel_size_nm=(130.0, 130.0, 130.0),  # stated for sem2 alone; single sections, so z means nothing
    parts={
        name: _axon_part(name)
        for name in ("sem1", "sem2", "patch_train0", "patch_train1", "patch_validation0", "patch_validation1")
    },
    licence=Licence("MIT", non_commercial=False),
    citation="Zaimi et al. 2018, doi:10.1038/s41598-018-22181-4",
    address="https://github.com/axondeepseg/axondeepseg",
    checksums={
        "sem1_image.png": "e7e6f758089dd06ab82ae1db9c320defa3b587e607c308ac1add8effdd4d62d1",
        "sem1_label.png": "b88f57efb3bf2a7103bd72cea1ffae6b33873a388d35a5292805183b44d9da7d",
        "sem2_image.png": "48f8578eb650600739a67904060d6ddbb5a869090c43a2e75f138fb2d0dbd5fa",
        "sem2_label.png": "1311b452856773e9ee4729aa04bf296940cdbb26ff78d28fb745d1bafdb8b211",
        "patch_train0_image.png": "39251b43c0968765bde9023361c25085b0c89e9e64ff75d330e7e78786bc73dd",
        "patch_train0_label.png": "377b6fb1a40f14fbb48fb083c9621287ba954c69eaac69c490e014f991bcbaa7",
        "patch_train1_image.png": "bec69b1a4ade2ad8a2eddfcfa3cb764e2a7b6b3df29f1e2cfc0ae2340efbd7ec",
        "patch_train1_label.png": "918b314713118928d067bc124827a88410759a077eb8b3ab1240bc1c2139024c",
        "patch_validation0_image.png": "e9473d247a5c6dfb7838d83154a85c906c4e55283aa8b7926f7065edd09ee3a1",
        "patch_validation0_label.png": "bd06f4ff6706aaa67fe2085831d528c9369ff4751515e8c7b33d6278113ff1f2",
        "patch_validation1_image.png": "0787166a3e1e8bac74ca40298f43216c7acc039be534170906ce5e0e217bdfa1",
        "patch_validation1_label.png": "b86c55a2028d1223d366d64f6d6cc74b35f6d7008b58af3612e1eac9e294d93d",
    },
)

_EPFL_FILES = ("training.tif", "training_groundtruth.tif", "testing.tif", "testing_groundtruth.tif")
_EPFL_FOLDER = "https://documents.epfl.ch/groups/c/cv/cvlab-unit/www/data/%20ElectronMicroscopy_Hippocampus"

_EPFL = Dataset(
    name="epfl",
    title="EPFL (Lucchi), CA1 hippocampus, FIB-SEM",
    folder="epfl_hippocampus",
    voxel_size_nm=(5.0, 5.0, 5.0),
    parts={"training": _epfl_part("training", tested_in="testing"), "testing": _epfl_part("testing")},
    licence=Licence("not known to us, ask at the address", non_commercial=None),
    citation="Lucchi et al. 2012, IEEE Transactions on Medical Imaging 31",
    address="https://www.epfl.ch/labs/cvlab/data/data-em/",
    shapes=dict.fromkeys(_EPFL_FILES, (165, 768, 1024)),
    links={file: f"{_EPFL_FOLDER}/{file}" for file in _EPFL_FILES},
)

# Two stacks that the user makes: the layout of the original files is not known to us, nor is their shape
# (8416 x 8624 pixels in second-hand accounts, of which one has 31 sections, another 20).
_MIRA = Dataset(
    name="mira",
    title="MiRA, mouse cortex, ATUM-SEM",
    folder="mira_cortex",
    voxel_size_nm=(50.0, 2.0, 2.0),
    parts={
        "stack": Part("image.tif", {"mitochondria": ClassSource("mitochondria.tif", "mask")}, halves=True)
    },
    licence=Licence("not known to us, ask the authors", non_commercial=None),
    citation="Xiao et al. 2018, doi:10.3389/fnana.2018.00092",
    address="http://95.163.198.142/MiRA/mitochondria31/",
    shapes={"image.tif": None, "mitochondria.tif": None},
)

DATASETS: dict[str, Dataset] = {d.name: d for d in (_VNC, _ISBI2012, _FLYEM, _AXON_MYELIN, _EPFL, _MIRA)}
