"""The data sets that have a name: one row each."""

from microtome.benchmark.datasets.cremi import CLEFTS, RAW
from microtome.benchmark.datasets.dataset import Archive, ClassSource, Dataset, Licence, Part
from microtome.benchmark.datasets.vnc import vnc_arrays


def _axon_part(name: str) -> Part:
    label = f"{name}_label.png"
    return Part(f"{name}_image.png", {"myelin": ClassSource(label, 1), "axon": ClassSource(label, 2)})


def _epfl_part(name: str, tested_in: str | None = None) -> Part:
    classes = {"mitochondria": ClassSource(f"{name}_groundtruth.tif", "mask")}
    return Part(f"{name}.tif", classes, tested_in=tested_in)


def _cremi_part(file: str) -> Part:
    return Part(
        f"{file}::{RAW}",
        {"clefts": ClassSource(f"{file}::{CLEFTS}", "clefts")},
        train="38:98,911:2161,911:2161",
        test="100:162,911:2161,911:2161",
    )


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

_CREMI_FILES = {sample: f"sample_{sample}_padded_20160501.hdf" for sample in ("A", "B", "C")}

# 125 x 1250 x 1250 labelled voxels inside 200 x 3072 x 3072, from section 37 or 38 on: users of the files
# state offsets of 1480 and of 1520 nm. The splits lie inside either, and `load` compares them with the file.
_CREMI = Dataset(
    name="cremi",
    title="CREMI, adult Drosophila brain, serial-section TEM, padded samples A, B and C",
    folder="cremi",
    voxel_size_nm=(40.0, 4.0, 4.0),
    parts={sample: _cremi_part(file) for sample, file in _CREMI_FILES.items()},
    licence=Licence("not known to us, ask at the address", non_commercial=None),
    citation="Funke et al. 2016, MICCAI challenge on circuit reconstruction from electron microscopy images",
    address="https://cremi.org/data",
    shapes=dict.fromkeys(_CREMI_FILES.values()),
    links={file: f"https://cremi.org/static/data/{file}" for file in _CREMI_FILES.values()},
)

DATASETS: dict[str, Dataset] = {
    d.name: d for d in (_VNC, _ISBI2012, _FLYEM, _AXON_MYELIN, _EPFL, _CREMI, _MIRA)
}

SECOND_NAMES = {"lucchi": "epfl"}
"""Names under which the literature knows a data set, too; the first author's, in this case."""
