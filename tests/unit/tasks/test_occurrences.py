"""Occurrences at cells of the INSPIRE grid: gathered, named and found again."""

import logging

import numpy as np
import pytest
from greenup.errors import UserError
from greenup.tasks.occurrences import cell_centres, cell_names, cells_at, names_by_cell, read_occurrences

HEAD = "X,Y,COUNTRY,SPECIES NAME,DBH-1,DBH-2,NFI,FF,BS,EEO\n"
ROWS = (
    "4321500,3210500,Austria,Picea abies,1,0,1,NA,NA,1\n"
    "4321500,3210500,Austria,Picea abies,0,1,1,NA,NA,1\n"
    "4321500,3210500,Austria,Fagus sylvatica,1,0,1,NA,NA,1\n"
    "4322500,3210500,Austria,Picea omorika,1,0,1,NA,NA,1\n"
    "4322500,3210500,Austria,Picea abies,1,0,1,NA,NA,1\n"
)


@pytest.fixture
def write(tmp_path):
    def write_one(text):
        path = tmp_path / f"o{len(list(tmp_path.iterdir()))}.csv"
        path.write_text(text, encoding="utf-8")
        return path

    return write_one


def test_each_species_once_a_cell(write):
    got = read_occurrences(write(HEAD + ROWS))
    assert list(got.itertuples(index=False, name=None)) == [
        ("1kmE4321N3210", "Fagus sylvatica"),
        ("1kmE4321N3210", "Picea abies"),
        ("1kmE4322N3210", "Picea abies"),
        ("1kmE4322N3210", "Picea omorika"),
    ]


@pytest.mark.parametrize(
    ("rank", "first", "second"),
    [("species", "Fagus sylvatica, Picea abies", "Picea abies, Picea omorika"), ("genus", "Fagus, Picea", "Picea")],
)
def test_names_of_a_cell(write, rank, first, second):
    got = names_by_cell(read_occurrences(write(HEAD + ROWS)), rank, ", ")
    assert got.to_dict() == {"1kmE4321N3210": first, "1kmE4322N3210": second}


def test_columns_in_another_order_and_as_r_writes_them(write):
    got = read_occurrences(write("species.name,Y,COUNTRY,x\nPinus cembra,3210500,Austria,4321500\n"))
    assert got.values.tolist() == [["1kmE4321N3210", "Pinus cembra"]]


def test_occurrences_without_a_name(write, caplog):
    with caplog.at_level(logging.WARNING):
        got = read_occurrences(write(HEAD + ROWS + "4321500,3210500,Austria, ,1,0,1,NA,NA,1\n"))
    assert len(got) == 4 and "1 occurrences have no name" in caplog.text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Y,SPECIES NAME\n1,Picea abies\n", "column 'X' is missing; the file has: Y, SPECIES NAME"),
        ("X,Y,TREE\n1,1,Picea abies\n", "column 'SPECIES NAME' is missing"),
        ("X,Y,SPECIES NAME\n1,1,Picea abies\nwest,1,Picea abies\n", "line 3: 'west' is not a finite number"),
        ("X,Y,SPECIES NAME\n-12,1,Picea abies\n", "line 2: X '-12' is no coordinate of EPSG:3035"),
        ("X,Y,SPECIES NAME\n,1,Picea abies\n", "line 2: X .* is no coordinate"),
        ("X,Y,SPECIES NAME\n1,1,\n", "no occurrence has a name"),
        ("", "cannot be read as CSV"),
    ],
)
def test_files_that_do_not_fit(write, text, message):
    with pytest.raises(UserError, match=message):
        read_occurrences(write(text))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        read_occurrences(tmp_path / "none.csv")


def test_cells_by_name_and_place():
    """The origin of EPSG:3035 is 52 N, 10 E at 4 321 000, 3 210 000 m."""
    assert cells_at([10.001], [52.001]).tolist() == ["1kmE4321N3210"]
    assert cells_at([9.999], [51.999]).tolist() == ["1kmE4320N3209"]
    assert cells_at([-120.0], [-60.0]).tolist() == [None]
    names = cell_names([4321000, 4321999.9, 4322000], [3210000] * 3)
    assert names.tolist() == ["1kmE4321N3210", "1kmE4321N3210", "1kmE4322N3210"]


def test_centres_lie_in_their_cells():
    rng = np.random.default_rng(0)
    names = cell_names(rng.uniform(2.5e6, 6.5e6, 500), rng.uniform(1.5e6, 5.4e6, 500))
    assert cells_at(*cell_centres(names)).tolist() == names.tolist()
