"""The registry covers every switch, its tests exist, and docs/errata.md and the record agree with it."""

import ast
import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import get_args

import pandas as pd
import pytest
from greenup.config.evaluation import KnnQuirk, LinearQuirk, SiameseProtocol, Submission
from greenup.config.finetune import FinetuneQuirk
from greenup.config.image_sets import BigEarthNetSet, So2SatSet, TreeSatAiSet
from greenup.config.methods import Quirk
from greenup.config.phenology import MiniaturePhenology
from greenup.config.sites import CitySites
from greenup.errors import UserError
from greenup.paper.errata import page, record, table
from greenup.paper.errata.registry import ERRATA, STAGES
from greenup.paper.errata.row import Number, Samples
from greenup.paper.plain import write_plain
from greenup.samples.tables import convert_ssl4eo_s12_sites

ROOT = Path(__file__).parents[4]
TRAINED = {"last_weights", "adapting_batch_norm"}
"""Of trained or random networks: equal on all machines but for rounding."""


def switches():
    blocks = (SiameseProtocol, Submission, BigEarthNetSet, So2SatSet, TreeSatAiSet, MiniaturePhenology, CitySites)
    literals = [LinearQuirk, KnnQuirk, FinetuneQuirk, Quirk]
    literals += [get_args(b.model_fields["compat"].annotation)[0] for b in blocks]
    return {name for literal in literals for name in get_args(literal)}


@cache
def functions_of(file):
    return {n.name for n in ast.walk(ast.parse((ROOT / file).read_text())) if isinstance(n, ast.FunctionDef)}


def test_every_switch_has_a_row_that_names_it():
    assert len(switches()) >= 20
    for name in switches():
        assert name in ERRATA[name].switch


@pytest.mark.parametrize("row", ERRATA.values(), ids=ERRATA)
def test_a_row_is_whole(row):
    assert row.stage in STAGES and row.systems and row.title and row.released and row.right
    if row.status == "measured":
        assert row.basis and not row.why
    else:
        assert not row.basis and (row.why or row.test)
    if row.status != "documented":
        assert row.test
    if row.test:
        file, name = row.test.split("::")
        assert name in functions_of(file)
    if row.needs:
        assert hasattr(Samples(), row.needs)


def test_the_random_phase_comes_first():
    assert next(iter(ERRATA)) == "random_phase"


@pytest.fixture(scope="session")
def given(samples, tmp_path_factory):
    out = tmp_path_factory.mktemp("errata")
    convert_ssl4eo_s12_sites([samples / "ssl4eo_s12_v11_val_sites" / "val_metadata.parquet"], out)
    return Samples(out / "sites.parquet", tuple(sorted((samples / "ssl4eco_index_sample").glob("*.csv"))))


@pytest.mark.parametrize("row", [r for r in ERRATA.values() if r.measure], ids=lambda r: r.name)
def test_the_record_is_what_is_measured(row, request):
    numbers = row.measure(request.getfixturevalue("given") if row.needs else Samples())
    recorded, _ = record.read_record(record.RECORD)[row.name]
    assert [(n.what, n.unit, n.is_detail, n.digits) for n in recorded] == [
        (n.what, n.unit, n.is_detail, n.digits) for n in numbers
    ]
    rough = 0.1 if row.name in TRAINED else 1e-4
    for now, before in zip(numbers, recorded, strict=True):
        assert now.released == pytest.approx(before.released, rel=rough, abs=1e-4), now.what
        assert now.right == (None if before.right is None else pytest.approx(before.right, rel=rough, abs=1e-4))


def test_the_record_names_its_samples():
    recorded = record.read_record(record.RECORD)
    assert set(recorded) == {name for name, row in ERRATA.items() if row.measure}
    for name, row in ERRATA.items():
        if row.needs:
            assert recorded[name][1] == page.sources()[row.needs] and "github.com" in recorded[name][1]


def test_the_page_is_the_one_generated():
    assert page.PAGE.read_text(encoding="utf-8") == page.page(page.recorded()), "python -m greenup.paper.errata.page"


def test_the_page_links_files_that_exist():
    for target in re.findall(r"\]\(([^)#:]+)\)", page.PAGE.read_text(encoding="utf-8")):
        assert (page.PAGE.parent / target).is_file(), target


@pytest.fixture
def few(monkeypatch):
    """Four rows of every kind."""
    names = ("random_phase", "half_pixel", "padding_counts", "lossy_data")
    rows = {n: ERRATA[n] for n in names}
    monkeypatch.setattr(record, "ERRATA", rows)
    return rows


def test_without_a_sample_the_row_says_so_and_tells_what_was_measured_last(few):
    phase, pixel, padding, lossy = record.measure(Samples())
    assert "paper.errata_samples.ssl4eo_sites not given" in table.status_text(phase)
    assert "last measured on github.com/DLR-MF-DAS" in table.status_text(phase)
    assert "99.95 %" in table.numbers_text(phase.numbers)
    assert table.status_text(pixel).startswith("measured: geometry")
    assert table.status_text(padding).startswith("shown by a test: test_siamese.py, test_a_batch")
    assert table.status_text(lossy).startswith("documented: needs a released patch")


def test_a_package_that_is_not_there_is_told(few):
    few["half_pixel"] = replace(few["half_pixel"], packages=("no_such_package",))
    pixel = record.measure(Samples())[1]
    assert pixel.lacks == "no_such_package not installed"
    assert pixel.numbers == record.read_record(record.RECORD)["half_pixel"][0]
    assert table.status_text(pixel) == "not measured here (no_such_package not installed); numbers as recorded"
    with pytest.raises(UserError, match="was not measured"):
        page.write_record(record.measure(Samples()), {})


def test_the_table_has_every_number_once(few, tmp_path):
    findings = record.measure(Samples())
    out = SimpleNamespace(**{kind: tmp_path / f"errata.{kind}" for kind in ("csv", "md", "tex", "html")})
    readable = table.readable_errata(findings)
    write_plain(readable, table.numbers_table(findings), out)
    numbers = pd.read_csv(out.csv)
    assert len(numbers) == sum(max(1, len(f.numbers)) for f in findings)
    assert set(numbers["quirk"]) == set(few)
    assert numbers.set_index("quirk")["measured_here"].groupby(level=0).any().to_dict() == {
        "random_phase": False,
        "half_pixel": True,
        "padding_counts": False,
        "lossy_data": False,
    }
    assert [len(rows) for _, rows in readable.groups if rows] == [1, 2, 1]
    assert "`" not in out.html.read_text()


def test_the_record_survives_writing(few, given, tmp_path):
    (tmp_path / "record.csv").write_text(page.write_record(record.measure(given, None), page.sources()))
    again = record.read_record(tmp_path / "record.csv")
    assert again == {n: found for n, found in record.read_record(record.RECORD).items() if n in few}


def test_a_file_that_is_no_record_is_named(tmp_path):
    (tmp_path / "x.csv").write_text("a\n1\n")
    with pytest.raises(UserError, match=r"x\.csv: no record of the errata"):
        record.read_record(tmp_path / "x.csv")


@pytest.mark.parametrize(
    "value, text",
    [(0, "0"), (24, "24"), (99.954, "100.0"), (49.958, "50.0"), (0.0277, "0.0277"), (1689.96, "1\u202f690"),
     (-0.6, "−0.6"), (0.00143, "0.00143"), (9.996, "10.00"), (251079, "251\u202f079")],
)  # fmt: skip
def test_numbers_as_said(value, text):
    assert table.said(value) == text


def test_decimals_may_be_asked_for():
    assert table.number_text(Number("x", "%", 99.954, 100.0, digits=2)) == "x: 99.95 → 100 %"
