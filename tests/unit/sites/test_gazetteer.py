"""Lists of cities in the layouts of simplemaps and GeoNames."""

import zipfile

import pandas as pd
import pytest
from greenup.errors import UserError
from greenup.sites import gazetteer, packaged
from greenup.sites.sources import SiteData

SIMPLEMAPS = (
    '"city","city_ascii","lat","lng","country","iso2","population","id"\n'
    '"Tōkyō","Tokyo","35.6897","139.6922","Japan","JP","37732000","1"\n'
    '"Nowhere","Nowhere","-75.0","10.0","Antarctica","AQ","","2"\n'
    '"São Paulo","Sao Paulo","-23.55","-46.6333","Brazil","BR","23086000","3"\n'
)


def geonames_row(name, lat, lon, country, population):
    row = [
        "1",
        name,
        name,
        "",
        lat,
        lon,
        "P",
        "PPL",
        country,
        "",
        "",
        "",
        "",
        "",
        population,
        "",
        "10",
        "Etc/UTC",
        "2024",
    ]
    return "\t".join(map(str, row))


def cities(path):
    return gazetteer.cities(SiteData(cities=path))


def test_simplemaps(tmp_path):
    file = tmp_path / "worldcities.csv"
    file.write_text(SIMPLEMAPS, encoding="utf-8")
    table = cities(file)
    assert list(table.columns) == list(gazetteer.COLUMNS)
    assert table["name"].tolist() == ["Tokyo", "Sao Paulo", "Nowhere"]
    assert table["population"].tolist() == [37732000, 23086000, 0]
    assert table.loc[1, ["lon", "lat", "country"]].tolist() == [-46.6333, -23.55, "Brazil"]


def test_geonames_with_quotes_and_the_country_na(tmp_path):
    rows = [geonames_row('O"Connor', -22.5, 17, "NA", 300), geonames_row("Bern", 46.9, 7.4, "CH", 400)]
    file = tmp_path / "cities15000.txt"
    file.write_text("\n".join(rows) + "\n", encoding="utf-8")
    table = cities(file)
    assert table["name"].tolist() == ["Bern", 'O"Connor']
    assert table["country"].tolist() == ["CH", "NA"]
    assert table["lon"].tolist() == [7.4, 17.0]


@pytest.mark.parametrize("name", ["worldcities.csv", "cities15000.txt"])
def test_zip(tmp_path, name):
    text = SIMPLEMAPS if name.endswith("csv") else geonames_row("Bern", 46.9, 7.4, "CH", 400)
    plain, packed = tmp_path / name, tmp_path / "c.zip"
    plain.write_text(text, encoding="utf-8")
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(name, text)
        archive.writestr("license.pdf", "no table")
        if name.endswith("csv"):
            archive.writestr("license.txt", "no table")
    pd.testing.assert_frame_equal(cities(packed), cities(plain))


def test_a_plain_csv_and_equal_cities_in_an_order_of_their_own(tmp_path):
    rows = ["b,1,1,5", "a,2,2,5", "a,1,2,5", "c,0,0,9"]
    tables = []
    for i, order in enumerate((rows, rows[::-1])):
        file = tmp_path / f"{i}.csv"
        file.write_text("\n".join(["name,longitude,latitude,population", *order]))
        tables.append(cities(file))
    pd.testing.assert_frame_equal(*tables)
    assert list(zip(tables[0]["name"], tables[0]["lon"], strict=True)) == [("c", 0), ("a", 1), ("a", 2), ("b", 1)]
    assert tables[0]["country"].tolist() == [""] * 4


def test_packaged_and_a_copy_each_time(tmp_path):
    assert gazetteer.cities(SiteData()).equals(packaged.cities())
    file = tmp_path / "c.csv"
    file.write_text("lon,lat,population\n1,2,3\n")
    table = cities(file)
    table.loc[0, "population"] = 99
    assert cities(file).loc[0, "population"] == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("city,lat,population\nx,1,2\n", r"c.csv: no column lon or lng or longitude; it has city, lat, population"),
        ("lon,lat,population\n1,2,3\n4,,5\n", r"c.csv: city 1: lat is ''"),
        ("lon,lat,population\n1,2,many\n", r"c.csv: city 0: population is 'many'"),
        ("lon,lat,population\n1,95,3\n", r"lat 95 is not a place on Earth"),
    ],
)
def test_wrong_files_are_told(tmp_path, text, message):
    file = tmp_path / "c.csv"
    file.write_text(text)
    with pytest.raises(UserError, match=message):
        cities(file)


def test_an_archive_of_two_tables_is_refused(tmp_path):
    file = tmp_path / "c.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.csv", SIMPLEMAPS)
        archive.writestr("b.csv", SIMPLEMAPS)
    with pytest.raises(UserError, match=r"tables in the archive: a.csv, b.csv"):
        cities(file)
