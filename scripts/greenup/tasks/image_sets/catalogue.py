"""The published image sets that are known: where each is had, and which files must be there. Imports nothing heavy, so
that what is missing is told when a study is planned."""

from __future__ import annotations

from pathlib import Path

from greenup.config.image_sets import (
    BigEarthNetSet,
    BioMasstersSet,
    EuroSatSet,
    GeoLifeClefSet,
    ImageSet,
    OscdSet,
    So2SatSet,
    TreeSatAiSet,
)
from greenup.errors import UserError
from greenup.tasks.image_sets.about import About, found

BIGEARTHNET_PATCHES = "BigEarthNet-v1.0 | BigEarthNet-S2-v1.0"
BIGEARTHNET_BAD = ("patches_with_seasonal_snow.csv", "patches_with_cloud_and_shadow.csv")
TREESATAI_LABELS = "labels/TreeSatBA_v9_60m_multi_labels.json"
GEOLIFECLEF_TABLES = {
    "surveys": "Presences_Absences_train.csv | Presence_Absence_surveys/Presences_Absences_train.csv",
    "blind": "test_blind.csv | For_submission/test_blind.csv",
}
GEOLIFECLEF_IMAGES = {"surveys": "clef/imgs | imgs", "blind": "clef_blind/imgs | blind_imgs"}
_OSCD = "Onera Satellite Change Detection dataset - "


def _eurosat(settings: EuroSatSet) -> tuple[str, ...]:
    images = "**/*_*.tif"
    match settings.lists:
        case "stratified":
            return (images,)
        case "in_domain":
            return (images, "eurosat-train.txt | train.txt", "eurosat-val.txt | val.txt")
    return (images, "eurosat-spatial-train.txt", "eurosat-spatial-val.txt", "eurosat-spatial-test.txt")


def _so2sat(settings: So2SatSet) -> tuple[str, ...]:
    tested = () if "validation_as_test" in settings.compat else ("testing.h5",)
    return ("training.h5", "validation.h5", *tested)


def _bigearthnet(settings: BigEarthNetSet) -> tuple[str, ...]:
    parts = ("train", "val") if "validation_as_test" in settings.compat else ("train", "val", "test")
    if settings.lists == "official":
        return (BIGEARTHNET_PATCHES, *(f"{p}.csv | bigearthnet-{p}.csv" for p in parts))
    return (BIGEARTHNET_PATCHES, *(f"bigearthnet-{p}.txt | {p}.txt" for p in parts), *BIGEARTHNET_BAD)


def _treesatai(_settings: TreeSatAiSet) -> tuple[str, ...]:
    return ("s2/60m", TREESATAI_LABELS, "train_filenames.lst", "test_filenames.lst")


def _geolifeclef(settings: GeoLifeClefSet) -> tuple[str, ...]:
    return (GEOLIFECLEF_TABLES[settings.part], GEOLIFECLEF_IMAGES[settings.part])


def _biomassters(_settings: BioMasstersSet) -> tuple[str, ...]:
    return ("train_features", "train_agbm", "test_features", "test_agbm")


def _oscd(_settings: OscdSet) -> tuple[str, ...]:
    return (f"{_OSCD}Images | train.txt", f"{_OSCD}Train Labels | train.txt", f"{_OSCD}Test Labels | test.txt")


ABOUT: dict[str, About] = {
    "eurosat": About(
        title="EuroSAT (13 bands)",
        url="https://zenodo.org/records/7711810 (EuroSAT_MS.zip; lists at https://huggingface.co/datasets/torchgeo/eurosat)",
        size_gb=2.1,
        licence="MIT",
        citation="Helber et al. 2019, EuroSAT, IEEE JSTARS 12(7), doi:10.1109/JSTARS.2019.2918242",
        attribution="EuroSAT (Helber et al. 2019); contains modified Copernicus Sentinel data 2017",
        needs=_eurosat,
    ),
    "so2sat": About(
        title="So2Sat LCZ42, second version",
        url="https://mediatum.ub.tum.de/1483140",
        size_gb=59.0,
        licence="CC BY 4.0",
        citation="Zhu et al. 2020, So2Sat LCZ42, IEEE GRSM 8(3), doi:10.1109/MGRS.2020.2964708",
        attribution="So2Sat LCZ42 (Zhu et al. 2020); contains modified Copernicus Sentinel data 2017",
        needs=_so2sat,
        unpack="put the .h5 files there as they are",
    ),
    "bigearthnet": About(
        title="BigEarthNet v1.0 (Sentinel-2)",
        url=(
            "https://zenodo.org/records/12687186 (BigEarthNet-S2-v1.0.tar.gz; official lists: "
            "https://git.tu-berlin.de/rsim/BigEarthNet-MM_19-classes_models, folder splits; in-domain lists: "
            "https://storage.googleapis.com/remote_sensing_representations/bigearthnet-train.txt, -val.txt, -test.txt; "
            "lists of snow and cloud: https://bigearth.net)"
        ),
        size_gb=66.0,
        licence="Community Data License Agreement, Permissive 1.0",
        citation="Sumbul et al. 2019, BigEarthNet, IGARSS, doi:10.1109/IGARSS.2019.8900532",
        attribution="BigEarthNet (Sumbul et al. 2019); contains modified Copernicus Sentinel data 2017-2018",
        needs=_bigearthnet,
        unpack="unpack it there and put the lists beside the folder of patches",
    ),
    "treesatai": About(
        title="TreeSatAI Benchmark Archive",
        url="https://zenodo.org/records/6780578 (s2.zip, labels.zip, train_filenames.lst, test_filenames.lst)",
        size_gb=0.3,
        licence="CC BY 4.0",
        citation="Ahlswede et al. 2023, TreeSatAI Benchmark Archive, ESSD 15, doi:10.5194/essd-15-681-2023",
        attribution="TreeSatAI (Ahlswede et al. 2023); contains modified Copernicus Sentinel data 2015-2020",
        needs=_treesatai,
        unpack="unpack s2.zip and labels.zip there and put the lists beside them",
    ),
    "geolifeclef": About(
        title="GeoLifeCLEF 2023",
        url="https://www.kaggle.com/competitions/geolifeclef-2023-lifeclef-2023-x-fgvc10 (tables)",
        size_gb=0.02,
        licence="rules of the competition",
        citation="Botella et al. 2023, The GeoLifeCLEF 2023 dataset, arXiv:2308.05121",
        attribution="GeoLifeCLEF 2023 (Botella et al. 2023); contains modified Copernicus Sentinel data",
        needs=_geolifeclef,
        unpack="put the table and the folder of images there",
    ),
    "biomassters": About(
        title="BioMassters",
        url="https://huggingface.co/datasets/nascetti-a/BioMassters",
        size_gb=291.0,
        licence="CC BY 4.0",
        citation="Nascetti et al. 2023, BioMassters, NeurIPS Datasets and Benchmarks",
        attribution=(
            "BioMassters (Nascetti et al. 2023), biomass: Finnish Forest Centre and National Land Survey of Finland; "
            "contains modified Copernicus Sentinel data 2016-2021"
        ),
        needs=_biomassters,
        unpack="unpack it there: train_features, train_agbm, test_features and test_agbm (S1 is not read)",
    ),
    "oscd": About(
        title="Onera Satellite Change Detection (OSCD)",
        url="https://rcdaudt.github.io/oscd/ (IEEE DataPort, doi:10.21227/asqe-7s69)",
        size_gb=0.5,
        licence="CC BY-NC-SA 4.0",
        citation="Daudt et al. 2018, Urban change detection, IGARSS, doi:10.1109/IGARSS.2018.8518015",
        attribution="Onera Satellite Change Detection; contains modified Copernicus Sentinel data 2015-2018",
        needs=_oscd,
        unpack="unpack its three archives there, side by side",
    ),
}
"""What is said of each kind of set; a kind that is planned without being here is an error of the program."""


def check(settings: ImageSet, name: str = "") -> list[Path]:
    """The files and folders that a set needs. ``name``: that of its block in the study.

    Raises `UserError` naming all that is missing, where it is downloaded, how large it is, and how it is unpacked.
    """
    about = ABOUT[settings.kind]
    paths = {need: found(settings, need) for need in about.needs(settings)}
    missing = [need.replace(" | ", " or ") for need, path in paths.items() if path is None]
    if missing:
        where = f"image_sets.{name}.folder: " if name else ""
        raise UserError(
            f"{where}{settings.folder}: {about.title} is not there, or not all of it: no {', no '.join(missing)}",
            f"download it from {about.url} ({about.size_gb:g} GB, {about.licence}) and {about.unpack}, "
            "or write the folder where it lies",
        )
    return [path for path in paths.values() if path is not None]
