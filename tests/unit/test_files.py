"""Files: whole or not at all, two writers, metadata there and back, damage named."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pyarrow.parquet as pq
import pytest
from greenup.errors import UserError
from greenup.files import atomic_path, checksum, distinct, read_json, read_table, write_json, write_table, write_text
from greenup.schemas import CURVES, EMBEDDINGS, INTERVALS, PHENOLOGY, SITES
from hypothesis import given, settings
from hypothesis import strategies as st

SCRIPTS = Path(__file__).parents[2] / "scripts"
ABOUT = {"simulated": True, "attribution": "Somebody (CC BY 4.0)"}


def sites(count: int = 3) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "site_id": [f"s{i}" for i in range(count)],
            "lon": [-180.0 + i * 7.3 % 360.0 for i in range(count)],
            "lat": [60.0 - i * 1.1 % 120.0 for i in range(count)],
            "stratum": "x",
            "land": True,
            "climate_zone": None,
            "land_cover": "barren",
            "ecoregion": None,
            "biome": None,
            "realm": None,
            "mountain": False,
            "weight": 1.0,
            "shard": 0,
        }
    )


class TestAtomic:
    def test_a_failure_leaves_the_old_file_whole_and_nothing_beside_it(self, tmp_path):
        path = tmp_path / "a.txt"
        write_text(path, "old")
        with pytest.raises(RuntimeError), atomic_path(path) as temporary:
            temporary.write_text("half of the n")
            raise RuntimeError
        assert path.read_text() == "old"
        assert list(tmp_path.iterdir()) == [path]

    def test_until_the_end_the_old_file_stands(self, tmp_path):
        path = tmp_path / "a.txt"
        write_text(path, "old")
        with atomic_path(path) as temporary:
            temporary.write_text("new")
            assert path.read_text() == "old"
            assert temporary.parent == path.parent, "renaming is atomic only within a file system"
            assert temporary.name.startswith("."), "hidden from patterns such as *.parquet"
        assert path.read_text() == "new"

    def test_folders_are_made(self, tmp_path):
        write_text(tmp_path / "a/b/c.txt", "there")
        assert (tmp_path / "a/b/c.txt").read_text() == "there"

    def test_killed_while_writing(self, tmp_path):
        """A process killed for good (no `finally`) leaves the old file whole."""
        path = tmp_path / "a.json"
        write_json(path, {"old": 1})
        code = f"""
            import os, sys
            sys.path.insert(0, {str(SCRIPTS)!r})
            from greenup.files import atomic_path
            with atomic_path({str(path)!r}) as temporary:
                temporary.write_text('{{"new": ')
                os.kill(os.getpid(), {int(signal.SIGKILL)})
        """
        done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=False)
        assert done.returncode == -signal.SIGKILL
        assert read_json(path) == {"old": 1}

    def test_nothing_written_is_an_error_and_keeps_the_old_file(self, tmp_path):
        path = tmp_path / "a.txt"
        write_text(path, "old")
        with pytest.raises(FileNotFoundError), atomic_path(path):
            pass
        assert path.read_text() == "old"

    def test_two_writers(self, tmp_path):
        """Many writers of one file at once: a reader always sees one of their texts, whole."""
        path = tmp_path / "a.txt"
        texts = [str(i) * 200_000 for i in range(4)]
        write_text(path, texts[0])
        context = multiprocessing.get_context("fork")
        writers = [context.Process(target=_write_often, args=(path, text)) for text in texts]
        for writer in writers:
            writer.start()
        seen = {path.read_text() for _ in range(50)}
        for writer in writers:
            writer.join()
            assert writer.exitcode == 0
        assert seen | {path.read_text()} <= set(texts)
        assert list(tmp_path.iterdir()) == [path]


def _write_often(path: Path, text: str) -> None:
    for _ in range(10):
        write_text(path, text)


class TestJson:
    json_values = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=5,
    )

    @given(json_values)
    @settings(max_examples=30, deadline=None)
    def test_there_and_back(self, value):
        import tempfile

        with tempfile.TemporaryDirectory() as folder:
            write_json(Path(folder, "a.json"), value)
            assert read_json(Path(folder, "a.json")) == value

    def test_nan_is_refused_and_keeps_the_old_file(self, tmp_path):
        write_json(tmp_path / "a.json", 1)
        with pytest.raises(ValueError, match="not JSON compliant"):
            write_json(tmp_path / "a.json", {"x": float("nan")})
        assert read_json(tmp_path / "a.json") == 1

    @pytest.mark.parametrize("content", [b'{"a": ', b"", b"\xff\xfe"])
    def test_damage_is_named(self, tmp_path, content):
        path = tmp_path / "a.json"
        path.write_bytes(content)
        with pytest.raises(UserError, match=r"a\.json: cannot be read as JSON"):
            read_json(path)

    def test_missing_is_named(self, tmp_path):
        with pytest.raises(UserError, match=r"none\.json"):
            read_json(tmp_path / "none.json")


class TestTables:
    def test_there_and_back_with_metadata(self, tmp_path):
        path = tmp_path / "sites.parquet"
        write_table(path, sites(), SITES, **ABOUT, spacing_km=23, note="Ä")
        table = read_table(path, SITES)
        expected = SITES.check(sites(), "x")
        pd.testing.assert_frame_equal(table, expected, check_flags=False)
        assert table.attrs == {"schema": "sites", **ABOUT, "spacing_km": 23, "note": "Ä"}

    def test_old_attributes_do_not_leak_into_a_new_file(self, tmp_path):
        """What a table was read with says nothing of the file it is written to."""
        curves = pd.DataFrame({"site_id": "a", "time": ["2020-01-01"], "evi": 0.25, "clear": True, "snow": False})
        for table, schema in ((sites(), SITES), (curves, CURVES)):
            table.attrs = {"simulated": False, "kind": "of another file"}
            write_table(tmp_path / "new", table, schema, **ABOUT)
            assert read_table(tmp_path / "new").attrs == {"schema": schema.name, **ABOUT}

    def test_times_dates_and_lists(self, tmp_path):
        curves = pd.DataFrame(
            {
                "site_id": "a",
                "time": pd.to_datetime(["2020-01-01T10:11:12.5Z"]),
                "evi": 0.25,
                "clear": True,
                "snow": False,
            }
        )
        write_table(tmp_path / "c", curves, CURVES, **ABOUT)
        assert read_table(tmp_path / "c", CURVES)["time"][0] == pd.Timestamp("2020-01-01T10:11:12.5Z")
        days = {"first": "2019-12-31", "middle": "2020-01-15", "last": "2020-01-31", "choice": 0, "dark_days": 0}
        intervals = pd.DataFrame({"site_id": "a", "season": ["winter"], "year": 2019, **days})
        write_table(tmp_path / "i", intervals, INTERVALS, **ABOUT)
        assert read_table(tmp_path / "i", INTERVALS)["last"][0] == pd.Timestamp("2020-01-31")
        vectors = pd.DataFrame({"site_id": ["a"], "season": "summer", "embedding": [[1.5, 2.5]]})
        write_table(tmp_path / "e", vectors, EMBEDDINGS, **ABOUT)
        assert list(read_table(tmp_path / "e", EMBEDDINGS)["embedding"][0]) == [1.5, 2.5]

    def test_geopandas_opens_it_as_places(self, tmp_path):
        path = tmp_path / "sites.parquet"
        write_table(path, sites(), SITES, **ABOUT)
        frame = gpd.read_parquet(path)
        assert frame.crs == "EPSG:4326"
        assert frame.geometry.x.tolist() == sites()["lon"].tolist()
        assert frame.geometry.y.tolist() == sites()["lat"].tolist()
        geo = json.loads(pq.read_schema(path).metadata[b"geo"])
        assert geo["primary_column"] == "geometry"
        assert geo["columns"]["geometry"]["encoding"] == "WKB"

    def test_categories_are_written_as_their_text(self, tmp_path, monkeypatch):
        """In several row groups, and read by anyone as plain text."""
        monkeypatch.setattr("greenup.files._GROUP_ROWS", 2)
        table = sites(5)
        grouped = table.assign(site_id=pd.Categorical(table["site_id"]), stratum=pd.Categorical(list("xyxzx")))
        dates = pd.DataFrame({"site_id": grouped["site_id"], "years": 3, "origin": grouped["stratum"]})
        dates = dates.assign(greenup=1.0, maturity=2.0, senescence=3.0, dormancy=4.0, donor_id=None, donor_km=None)
        write_table(tmp_path / "d", dates.assign(cause=pd.Categorical([None, "a"] * 2 + ["b"])), PHENOLOGY, **ABOUT)
        assert pq.read_metadata(tmp_path / "d").num_row_groups == 3
        back = read_table(tmp_path / "d", PHENOLOGY)
        assert back.dtypes[["site_id", "origin", "cause"]].map(str).tolist() == ["string"] * 3
        assert back["site_id"].tolist() == table["site_id"].tolist()
        assert back["cause"].fillna("-").tolist() == ["-", "a", "-", "a", "b"]
        assert pd.read_parquet(tmp_path / "d")["origin"].tolist() == list("xyxzx")

    def test_only_some_rows(self, tmp_path):
        write_table(tmp_path / "a", sites(5), SITES, **ABOUT)
        table = read_table(tmp_path / "a", SITES, only={"site_id": ["s4", "s1", "elsewhere"]})
        assert table["site_id"].tolist() == ["s1", "s4"], "in the order of the file"
        assert table.attrs["attribution"] == ABOUT["attribution"]
        with pytest.raises(UserError, match="the sites table has no rows"):
            read_table(tmp_path / "a", SITES, only={"site_id": ["elsewhere"]})

    def test_values_of_one_column(self, tmp_path):
        write_table(tmp_path / "a", sites(4).assign(stratum=list("yxyz")), SITES, **ABOUT)
        assert distinct(tmp_path / "a", "stratum") == ["y", "x", "z"]
        with pytest.raises(UserError, match="no such file"):
            distinct(tmp_path / "b", "stratum")

    def test_a_table_read_can_be_written_again(self, tmp_path):
        first, second = tmp_path / "a.parquet", tmp_path / "b.parquet"
        write_table(first, sites(), SITES, **ABOUT)
        write_table(second, read_table(first, SITES), SITES, **ABOUT)
        pd.testing.assert_frame_equal(read_table(first, SITES), read_table(second, SITES))
        assert len(gpd.read_parquet(second)) == 3

    def test_same_table_same_bytes(self, tmp_path):
        for name in ("a", "b"):
            write_table(tmp_path / name, sites(500), SITES, **ABOUT)
        assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()

    def test_a_bad_table_leaves_the_old_file_whole(self, tmp_path):
        path = tmp_path / "sites.parquet"
        write_table(path, sites(), SITES, **ABOUT)
        before = path.read_bytes()
        with pytest.raises(UserError, match="95 is outside"):
            write_table(path, sites().assign(lat=95.0), SITES, **ABOUT)
        assert path.read_bytes() == before

    def test_missing_file(self, tmp_path):
        with pytest.raises(UserError, match=r"none\.parquet: no such file"):
            read_table(tmp_path / "none.parquet")

    def test_not_parquet(self, tmp_path):
        path = tmp_path / "a.parquet"
        path.write_text("site_id,lon,lat\n")
        with pytest.raises(UserError, match=r"a\.parquet: damaged or not Parquet"):
            read_table(path)

    @pytest.mark.parametrize("keep", [0.0, 0.3, 0.7, 0.99])
    def test_cut_short(self, tmp_path, keep):
        path = tmp_path / "a.parquet"
        write_table(path, sites(500), SITES, **ABOUT)
        os.truncate(path, int(path.stat().st_size * keep))
        with pytest.raises(UserError, match=r"a\.parquet: damaged or not Parquet"):
            read_table(path, SITES)

    def test_damaged_inside(self, tmp_path):
        """Bytes of the data overwritten while the footer is whole."""
        path = tmp_path / "a.parquet"
        write_table(path, sites(5000), SITES, **ABOUT)
        content = bytearray(path.read_bytes())
        content[4:2000] = bytes(1996)
        path.write_bytes(content)
        with pytest.raises(UserError, match=r"a\.parquet: damaged or not Parquet"):
            read_table(path, SITES)

    def test_another_table(self, tmp_path):
        path = tmp_path / "a.parquet"
        write_table(path, sites(), SITES, **ABOUT)
        with pytest.raises(UserError, match=r"a\.parquet: holds 'sites', expected 'phenology'"):
            read_table(path, PHENOLOGY)

    def test_a_file_from_elsewhere_is_read_by_its_columns(self, tmp_path):
        path = tmp_path / "a.parquet"
        sites().to_parquet(path)
        assert len(read_table(path, SITES)) == 3

    def test_an_empty_shard_that_must_not_be(self, tmp_path):
        path = tmp_path / "a.parquet"
        sites().iloc[:0].to_parquet(path)
        with pytest.raises(UserError, match="the sites table has no rows"):
            read_table(path, SITES)


class TestChecksum:
    def test_known_value(self):
        """BLAKE2b with a 16-byte digest of nothing, as computed by b2sum -l 128."""
        assert checksum() == "cae66941d9efbd404e4d88758ea67670"

    @given(st.binary(), st.binary())
    def test_of_the_joined_bytes(self, a, b):
        assert checksum(a, b) == checksum(a + b)

    @given(st.binary(min_size=1), st.data())
    def test_one_bit_matters(self, content, data):
        bit = data.draw(st.integers(0, len(content) * 8 - 1))
        other = bytearray(content)
        other[bit // 8] ^= 1 << bit % 8
        assert checksum(content) != checksum(bytes(other))


def test_leftovers_of_a_killed_writer_are_removed_and_those_of_a_living_one_kept(tmp_path):
    """A writer that is killed (no `finally` runs) leaves its temporary file; the next one clears it away."""
    final = tmp_path / "a[1].txt"
    code = (
        "import os, sys; sys.path[:0] = sys.argv[2].split(os.pathsep)\n"
        "from greenup.files import atomic_path\n"
        "with atomic_path(sys.argv[1]) as path:\n"
        "    path.write_text('half'); os._exit(9)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(final), os.pathsep.join(sys.path)], check=False)
    assert [p.name[-5:] for p in tmp_path.iterdir()] == [".part"]
    with atomic_path(final) as mine:
        mine.write_text("first")
        with atomic_path(final) as other:
            other.write_text("second")
        assert mine.exists()
    assert [p.name for p in tmp_path.iterdir()] == ["a[1].txt"]
    assert final.read_text() == "first"
