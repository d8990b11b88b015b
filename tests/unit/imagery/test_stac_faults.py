"""The STAC source under faults: real clients, a real STAC API where it is installed, and files served by ranges.

After each fault either the right pixels and scenes, or a `PassingError` that the exporter records; never "no image".
"""

import types

import numpy as np
import pandas as pd
import pytest
from greenup.errors import UserError
from greenup.grids import PatchGrid, grid_for_site
from greenup.imagery import patience, remote
from greenup.imagery.base import PassingError, SceneMissing
from greenup.imagery.stac import StacSource
from rasterio.warp import transform

from tests.standins.archive import CORRECTED, EPSG, NORTH, SIDE, WEST, asset, item, square, tif
from tests.standins.rustac import Rustac, binary
from tests.standins.stac import StacStandIn

GRID = PatchGrid(EPSG, WEST + 160, NORTH - 160, 64)
VALUES = np.random.default_rng(5).integers(1001, 9000, (1, SIDE, SIDE)).astype(np.uint16)
LON, LAT = (v[0] for v in transform(f"EPSG:{EPSG}", "EPSG:4326", [WEST + 480], [NORTH - 480]))
SITES = pd.DataFrame({"site_id": ["a"], "lon": [LON], "lat": [LAT]})
COUNT = 260  # more than a page


def intervals(first: str, last: str, sites: pd.DataFrame = SITES) -> pd.DataFrame:
    rows = [(i, "all", 2020, *map(pd.Timestamp, (first, first, last))) for i in sites.site_id]
    return pd.DataFrame(rows, columns=["site_id", "season", "year", "first", "middle", "last"])


YEAR = intervals("2020-01-01", "2020-12-31")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("faults")
    # Deflated, as COGs are: what arrives broken does not unpack.
    tif(folder / "b.tif", VALUES, square(10), compress="deflate")
    times = pd.date_range("2020-01-01T10:00:00Z", periods=COUNT, freq="D")
    items = [item(f"s{i}", t.isoformat(), {"B02": asset("b.tif")}, **CORRECTED) for i, t in enumerate(times)]
    return folder, [i.to_dict(include_self_link=False, transform_hrefs=False) for i in items]


@pytest.fixture(params=["stand-in", "rustac"])
def api(request, made, tmp_path, pauses):
    """The stand-in, and the true server behind it, which then passes on requests and spoils some."""
    folder, items = made
    with StacStandIn(folder, "s2", items) as standin:
        if request.param == "stand-in":
            yield standin
            return
        if binary() is None:
            pytest.skip("no rustac: pip install rustac for tests against a true STAC API")
        with Rustac(tmp_path, [standin._linked(i) for i in items], standin.url) as server:
            standin.upstream = server.url
            yield standin


@pytest.fixture
def files(made, pauses):
    with StacStandIn(*made[:1], "s2", made[1]) as standin:
        yield standin


@pytest.fixture
def pauses(monkeypatch):
    """Pauses between attempts, taken note of instead of slept."""
    noted: list[float] = []
    monkeypatch.setattr(patience, "time", types.SimpleNamespace(sleep=noted.append))
    return noted


def open_source(api, **options) -> StacSource:
    return StacSource(api.url, "s2", requests=2, timeout_s=1.0, **options)


API_FAULTS = [429, 500, 502, 503, 504, "reset", "hang", "truncated", "short", "garbage"]


@pytest.mark.parametrize("fault", API_FAULTS)
def test_a_fault_of_the_api_that_passes_leaves_every_scene(api, fault, pauses):
    source = open_source(api)
    api.faults = [fault] * 2
    assert len(source.search(SITES, YEAR, [GRID])) == COUNT
    # pystac-client itself asks again after a connection that broke.
    assert len(pauses) <= 2


@pytest.mark.parametrize("fault", API_FAULTS)
def test_a_fault_of_the_api_that_stays_is_a_passing_error_after_a_few_attempts(files, fault, pauses):
    source = open_source(files)
    files.faults = [fault] * 1000
    before = len(files.calls)
    with pytest.raises(PassingError) as caught:
        source.search(SITES, YEAR, [GRID])
    assert caught.value.cause == ("quota" if fault == 429 else "error")
    attempts = 8 if fault == 429 else 4
    # A connection that broke is made anew once at once.
    assert len(files.calls) - before <= attempts * 2
    assert len(pauses) == attempts - 1
    # Doubling, times 0.5 to 1.5 at random.
    assert all(0.5 * min(2**i, 60) <= p <= 1.5 * min(2**i, 60) for i, p in enumerate(pauses))


def test_a_fault_on_the_second_page_loses_no_scene(api):
    source = open_source(api)
    searched = []
    original = api.fault

    def second(method, path):
        searched.append(path)
        return 503 if searched.count("/search") == 2 and path == "/search" else original(method, path)

    api.fault = second
    assert len(source.search(SITES, YEAR, [GRID])) == COUNT


@pytest.mark.parametrize(
    "answer",
    [
        {"type": "FeatureCollection", "links": []},
        {"description": "timeout"},
        [],
        {"type": "FeatureCollection", "features": [{"id": "x"}]},
        {"type": "FeatureCollection", "features": None},
    ],
)
def test_an_answer_of_another_shape_is_no_empty_answer(files, answer):
    source = open_source(files)
    files.instead["/search"] = answer
    with pytest.raises(PassingError, match="answered with something that is no"):
        source.search(SITES, YEAR, [GRID])


def test_pages_that_repeat_end(files):
    source = open_source(files)
    link = {"rel": "next", "href": f"{files.url}/search", "method": "POST", "body": {}}
    files.instead["/search"] = {**files.search(_query()), "links": [link]}
    with pytest.raises(PassingError, match="repeat"):
        source.search(SITES, YEAR, [GRID])


def _query() -> dict:
    point = {"type": "Point", "coordinates": [LON, LAT]}
    return {"collections": ["s2"], "datetime": "2020-01-01T00:00:00Z/2020-02-01T00:00:00Z", "intersects": point}


@pytest.mark.parametrize("fault", [429, 503, "reset", "hang", "truncated", "garbage"])
def test_an_item_that_cannot_be_had_now_is_had_later(api, fault):
    source = open_source(api)
    api.fault_paths, api.faults = "/collections/s2/items/", [fault] * 12
    with pytest.raises(PassingError) as caught:
        source.read("s3", GRID, ("B2",))
    assert caught.value.cause == ("quota" if fault == 429 else "error")
    api.faults = []
    np.testing.assert_array_equal(source.read("s3", GRID, ("B2",)).values[10], VALUES[:, 16:80, 16:80])


FILE_FAULTS = [429, 500, 502, 503, "reset", "hang", "truncated", "short", "corrupt", "garbage"]


@pytest.mark.parametrize("fault", FILE_FAULTS)
@pytest.mark.parametrize("after", [0, 1])
def test_a_fault_of_a_file_is_a_passing_error_and_then_the_right_pixels(files, fault, after):
    """At the file's head, and at its pixels when the head has come well."""
    source = open_source(files)
    files.fault_paths, files.faults = "/files/", [None] * after + [fault] * 20
    try:
        pixels = source.read("s5", GRID, ("B2",))
    except PassingError as error:
        assert error.cause == ("quota" if fault == 429 else "error")
        assert "b.tif" in str(error)
    else:
        # The whole small file may have come with its head.
        assert after
        np.testing.assert_array_equal(pixels.values[10], VALUES[:, 16:80, 16:80])
    files.faults = []
    # Nothing spoilt is remembered.
    np.testing.assert_array_equal(source.read("s5", GRID, ("B2",)).values[10], VALUES[:, 16:80, 16:80])


def test_a_file_or_scene_that_is_not_there_is_final(api):
    source = open_source(api)
    with pytest.raises(SceneMissing, match="s999"):
        source.read("s999", GRID, ("B2",))
    api.fault_paths, api.faults = "/files/", [404] * 3
    with pytest.raises(SceneMissing, match=r"b\.tif: a file that its item names does not exist"):
        source.read("s4", GRID, ("B2",))


def test_a_refusal_is_the_users_to_mend(files):
    source = open_source(files)
    files.fault_paths, files.faults = "/files/", [403] * 3
    with pytest.raises(UserError, match="refused"):
        source.read("s4", GRID, ("B2",))
    files.fault_paths, files.faults = "/search", [400]
    with pytest.raises(UserError, match="refused the request"):
        source.search(SITES, YEAR, [GRID])


def test_a_name_that_is_not_known_is_a_passing_error(files):
    """DNS failure, of the API and of a file's host; .invalid exists nowhere (RFC 2606)."""
    with pytest.raises(PassingError):
        StacSource("http://stac.invalid", "s2", timeout_s=1.0)
    files.items = [{**files.items[0], "assets": {"B02": {"href": "http://files.invalid/b.tif"}}}]
    files._linked = lambda i: i
    with pytest.raises(PassingError, match=r"files\.invalid"):
        open_source(files).read("s0", GRID, ("B2",))


def test_orbits_and_curves_wait_out_what_passes(files, pauses):
    source = open_source(files)
    files.items = files.items[:1]
    files.fault_paths, files.faults = "/files/", [503] * 2
    with pytest.raises(UserError, match="B4"):
        source.curves(SITES, (2020, 2020))
    files.fault_paths, files.faults = "/collections/s2/items/", [503] * 2
    assert source.orbit("s0") is None
    assert len(pauses) == 2


# ------------------------------------------------------------------------------------------------------ signed links
@pytest.fixture
def signed(files, monkeypatch):
    """Links of the Planetary Computer: its own package, its token service and blobs on the loopback by a proxy."""
    planetary_computer = pytest.importorskip("planetary_computer")
    monkeypatch.setenv("GDAL_HTTP_PROXY", files.url)
    monkeypatch.setattr(planetary_computer.settings.Settings.get(), "sas_url", f"{files.url}/token")
    planetary_computer.sas.TOKEN_CACHE.clear()
    token = {"token": "st=1&se=2&sp=rl&sig=abc", "msft:expiry": "2099-01-01T00:00:00Z"}
    files.instead["/token/account/files"] = token
    files.items = [{**files.items[0], "assets": {"B02": {"href": "http://account.blob.core.windows.net/files/b.tif"}}}]
    files._linked = lambda i: i
    yield files
    planetary_computer.sas.TOKEN_CACHE.clear()


def test_links_are_signed_with_one_token(signed):
    source = open_source(signed, sign="planetary-computer")
    for _ in range(2):
        np.testing.assert_array_equal(source.read("s0", GRID, ("B2",)).values[10], VALUES[:, 16:80, 16:80])
    assert signed.called("/token/") == 1
    assert all("sig=abc" in path for path in signed.asked if path.partition("?")[0].endswith("b.tif"))


def test_an_expired_signature_is_renewed_once(signed):
    source = open_source(signed, sign="planetary-computer")
    original = signed.fault

    def until_renewed(method, path):
        refused = path.startswith("/files/") and signed.called("/token/") < 2
        return original(method, path) or (403 if refused else None)

    signed.fault = until_renewed
    np.testing.assert_array_equal(source.read("s0", GRID, ("B2",)).values[10], VALUES[:, 16:80, 16:80])
    assert signed.called("/token/") == 2
    signed.fault_paths, signed.faults = "/files/", [403] * 10
    with pytest.raises(UserError, match="refused") as caught:
        source.read("s0", GRID, ("B2",))
    assert signed.called("/token/") == 3
    assert "sig=abc" not in str(caught.value), "tokens stay out of messages"


@pytest.mark.parametrize(("fault", "kind"), [(401, UserError), (503, PassingError), (429, PassingError)])
def test_a_token_service_that_fails(signed, fault, kind, monkeypatch):
    monkeypatch.setattr(remote, "_TOKEN_PAUSE_S", 0.01)
    source = open_source(signed, sign="planetary-computer")
    signed.fault_paths, signed.faults = "/token/", [fault] * 10
    with pytest.raises(kind) as caught:
        source.read("s0", GRID, ("B2",))
    if kind is PassingError:
        assert caught.value.cause == ("quota" if fault == 429 else "error")


# --------------------------------------------------------------------------------------------------------- bad input
@pytest.mark.parametrize(("lon", "lat"), [(-30.0, 40.0), (15.0, 83.0), (179.9999, 10.0), (-180.0, -10.0)])
def test_where_there_is_nothing_nothing_is_found(api, lon, lat):
    """In the open sea, at 83 degrees north, on the antimeridian."""
    site = pd.DataFrame({"site_id": ["a"], "lon": [lon], "lat": [lat]})
    found = open_source(api).search(site, YEAR, [grid_for_site(lon, lat, 64, (20,))])
    assert found.empty


def test_an_interval_without_scenes_is_an_empty_table(api):
    assert open_source(api).search(SITES, intervals("2001-01-01", "2001-03-01"), [GRID]).empty


def test_a_band_that_the_collection_lacks_is_named(api):
    with pytest.raises(UserError, match="no asset holds band B10"):
        open_source(api).read("s1", GRID, ("B2", "B10"))


def test_a_corrupt_file_is_named_every_time(files, tmp_path):
    whole = (files.folder / "b.tif").read_bytes()
    (tmp_path / "b.tif").write_bytes(whole[:200] + b"\0" * (len(whole) - 200))
    files.folder = tmp_path
    source = open_source(files)
    for _ in range(2):
        with pytest.raises(PassingError, match=r"b\.tif"):
            source.read("s1", GRID, ("B2",))
