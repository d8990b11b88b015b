"""What goes wrong between the real Earth Engine client and a server: right pixels or a passing error, never a final
"no image", never an endless retry. The table of docs/faults.md tells the same."""

import json
import time

import numpy as np
import pandas as pd
import pytest
from greenup.config.data import Patches
from greenup.config.study import Runtime
from greenup.errors import UserError
from greenup.files import read_table
from greenup.imagery.base import PassingError, Pixels, SceneMissing
from greenup.imagery.patience import Patience
from greenup.patches.container import ShardFile
from greenup.patches.export import export_shard
from greenup.schemas import LEDGER

pytest.importorskip("ee")
earthengine = pytest.importorskip("greenup.imagery.earthengine")
from greenup.imagery.earthengine import login  # noqa: E402

from tests.standins.earthengine import EarthEngineStandIn  # noqa: E402
from tests.standins.earthengine_scenes import GRID, L2A, scene, seasons, sites, window  # noqa: E402

SCENES = [scene("2020-03-31"), scene("2020-06-30"), scene("2020-07-01"), scene("2020-10-01")]
BANDS = ("B2", "B8", "B5", "B1")
QUICK = Patience(3, 0.0, quota_attempts=5)


@pytest.fixture
def server(monkeypatch):
    with EarthEngineStandIn(L2A, SCENES) as standin:
        monkeypatch.setenv("GREENUP_EE_URL", standin.url)
        monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
        monkeypatch.setattr(login, "TIMEOUT_S", (5.0, 0.3))
        yield standin


@pytest.fixture
def patient(server, monkeypatch):
    """No time-out on a busy machine, for tests that count requests: each one that ends early is asked again."""
    monkeypatch.setattr(login, "TIMEOUT_S", (15.0, 60.0))


@pytest.fixture
def source(server):
    return earthengine.EarthEngineSource("s2_l2a", requests=4, patience=QUICK)


PASSING = [
    ((429, "Too many concurrent aggregations."), "quota"),
    ((429, "Quota exceeded for EECU time."), "quota"),
    ((403, "Quota exceeded for quota metric 'Requests'."), "quota"),
    ((500, "Internal error"), "error"),
    ((502, "Bad Gateway"), "error"),
    ((503, "The service is currently unavailable."), "error"),
    ((504, "Gateway Timeout"), "error"),
    ((400, "Computation timed out."), "error"),
    ("hang", "error"),
    ("reset", "error"),
    ("truncated", "error"),
    ("cut", "error"),
    ("corrupt", "error"),
    ("shape", "error"),
]
FINAL = [
    ((400, "User memory limit exceeded."), "patches.size_px"),
    ((400, "Image.select: Band pattern 'B2' did not match any bands."), "patches.bands"),
    ((400, "Something else is wrong."), "imagery.collection"),
    ((401, "Request had invalid authentication credentials."), "earthengine authenticate"),
    ((403, "Caller does not have permission."), "earthengine authenticate"),
    ((404, "Project 'projects/x' not found."), "imagery.collection"),
]


@pytest.mark.parametrize(("fault", "cause"), PASSING)
def test_what_may_pass_passes(source, server, fault, cause):
    server.faults = [fault]
    with pytest.raises(PassingError) as caught:
        source.read(SCENES[0].index, GRID, ("B2",))
    assert caught.value.cause == cause
    assert not isinstance(caught.value, SceneMissing)
    assert len(server.called("computePixels")) == 1, "the client itself tries nothing again"
    # The next try is served: nothing of a fault is kept.
    got = source.read(SCENES[0].index, GRID, ("B2",))
    np.testing.assert_array_equal(got.values[10][0], window(SCENES[0], "B2", GRID, 10))


@pytest.mark.parametrize(("fault", "mend"), FINAL)
def test_what_will_never_pass_is_asked_for_once(source, server, fault, mend):
    server.always = fault
    # Without a login that could be renewed the client does not even tell the server's words of a 401.
    said = "login is not valid" if fault[0] == 401 else fault[1].split("'")[0].rstrip(".")
    with pytest.raises(UserError, match=said) as caught:
        source.read(SCENES[0].index, GRID, ("B2",))
    assert mend in caught.value.mend
    assert len(server.called("computePixels")) == 1


def test_a_server_that_is_gone_may_come_back(source, server):
    server.is_gone = True
    with pytest.raises(PassingError):
        source.read(SCENES[0].index, GRID, ("B2",))
    server.is_gone = False
    assert source.read(SCENES[0].index, GRID, ("B2",)).valid[10].all()


# ------------------------------------------------------------------------------------------------- through the exporter
def export(folder, source, count=3, patience=QUICK):
    table, _ = sites(count)
    table["shard"] = 0
    rows = [
        {
            "site_id": site,
            "season": f"q{k}",
            "status": "chosen",
            "scene_id": s.index,
            "time": pd.Timestamp(s.time, tz="UTC"),
            "cloud": 1.0,
        }
        for site in table["site_id"]
        for k, s in enumerate(SCENES)
    ]
    export_shard(
        table,
        pd.DataFrame(rows),
        source,
        Patches(size_px=48, bands=BANDS),
        min_images=1,
        runtime=Runtime(requests=4),
        patience=patience,
        work=folder / "work",
        pixels=folder / "0000.h5",
        ledger=folder / "0000.ledger.parquet",
    )
    return read_table(folder / "0000.ledger.parquet", LEDGER)


def assert_exported(folder, ledger):
    assert set(ledger["status"]) == {"ok"}
    by_id = {s.index: s for s in SCENES}
    with ShardFile(folder / "0000.h5") as file:
        for i in range(len(file)):
            row, got = file.row(i), file.read(i)
            for k, band in enumerate(("B2", "B8")):
                np.testing.assert_array_equal(got.values[10][k], window(by_id[row.scene_id], band, row.grid, 10))
            np.testing.assert_array_equal(got.values[60][0], window(by_id[row.scene_id], "B1", row.grid, 60))


@pytest.mark.parametrize("fault", [fault for fault, _ in PASSING])
def test_an_export_outlives_what_passes(source, server, tmp_path, fault):
    # No more in a row than one site may meet and still have attempts left.
    server.faults = [fault, fault]
    assert_exported(tmp_path, export(tmp_path, source))


@pytest.mark.parametrize("fault", [fault for fault, _ in PASSING])
def test_an_export_ends_when_nothing_passes_and_a_later_one_finishes(source, server, tmp_path, fault):
    server.always, server.hang_s = fault, 0.4
    with pytest.raises(UserError, match="12 of 12 images are lacking"):
        export(tmp_path, source)
    assert not (tmp_path / "0000.ledger.parquet").exists(), "nothing is recorded as final"
    # 3 sites; five attempts for a quota, else three, each of one request, or of two for what took too long.
    assert len(server.called("computePixels")) <= 3 * max(5, 3 * 2)
    server.always = None
    assert_exported(tmp_path, export(tmp_path, source))


def test_a_storm_of_429_is_ridden_out(server, patient, tmp_path):
    source = earthengine.EarthEngineSource("s2_l2a", requests=4, patience=QUICK)
    server.faults = [(429, "Too many concurrent aggregations.")] * 12
    assert_exported(tmp_path, export(tmp_path, source, patience=Patience(3, 0.0, quota_attempts=13)))
    assert len(server.called("computePixels")) == 12 + 3


def test_four_seasons_cost_at_most_one_request_and_a_tenth_a_site(server, patient, tmp_path):
    """Login, search and pixels of a shard."""
    source = earthengine.EarthEngineSource("s2_l2a", requests=4, patience=QUICK)
    table, grids = sites(50)
    windows = [(f"q{k}", f"{s.time:%Y-%m-%d}", f"{s.time:%Y-%m-%d}") for k, s in enumerate(SCENES)]
    found = source.search(table, seasons(table, *windows), grids)
    assert len(found) == 200
    assert_exported(tmp_path, export(tmp_path, source, count=50))
    assert len(server.calls) == len(server.called("compute")) + len(server.called("computePixels"))
    assert len(server.calls) <= 1.1 * 50


# -------------------------------------------------------------------------------------------------------------- search
@pytest.mark.parametrize("fault", [fault for fault, _ in PASSING if fault != "shape"])
def test_a_search_is_tried_again_and_ends(source, server, fault):
    table, grids = sites(1)
    wanted = seasons(table, ("all", "2020-01-01", "2020-12-31"))
    server.faults = [fault]
    assert len(source.search(table, wanted, grids)) == 4
    server.calls.clear()
    server.always, server.hang_s = fault, 0.4
    with pytest.raises(PassingError):
        source.search(table, wanted, grids)
    assert len(server.calls) in (3, 5)


# --------------------------------------------------------------------------------------------------------------- login
@pytest.fixture
def key_file(server, tmp_path):
    """A service account's key, whose tokens the stand-in gives out."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    path = tmp_path / "key.json"
    about = {
        "type": "service_account",
        "project_id": "test",
        "private_key_id": "1",
        "private_key": text,
        "client_email": "greenup@test.iam.gserviceaccount.com",
        "token_uri": f"{server.url}/token",
    }
    path.write_text(json.dumps(about))
    return path


def test_a_service_account_logs_in_and_an_expired_token_is_renewed(server, key_file, monkeypatch):
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key_file))
    server.tokens, server.token = ["first", "second"], "none yet"
    source = earthengine.EarthEngineSource("s2_l2a", requests=1, patience=QUICK)
    assert server.token == "first"
    assert source.read(SCENES[0].index, GRID, ("B2",)).valid[10].all()
    # The service no longer takes the first one: 401, a new token, and the same request again.
    server.token = "expired"
    assert source.read(SCENES[0].index, GRID, ("B2",)).valid[10].all()
    assert server.token == "second"
    server.token = "expired again"
    with pytest.raises(UserError, match="login has expired") as caught:
        source.read(SCENES[0].index, GRID, ("B2",))
    assert "earthengine authenticate" in caught.value.mend


def test_a_key_that_is_refused_or_no_key_says_what_to_do(server, key_file, monkeypatch):
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key_file))
    server.token = "never given"
    with pytest.raises(UserError, match=r"expired or revoked") as caught:
        earthengine.initialise(QUICK)
    assert "GREENUP_EE_PROJECT" in caught.value.mend
    key_file.write_text("{}")
    with pytest.raises(UserError, match="not a key"):
        earthengine.initialise(QUICK)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key_file) + ".lost")
    with pytest.raises(UserError, match="no such file"):
        earthengine.initialise(QUICK)


def test_without_any_login_the_message_says_what_to_do(monkeypatch, tmp_path):
    """Neither `earthengine authenticate` nor application default credentials."""
    monkeypatch.delenv("GREENUP_EE_URL", raising=False)
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    with pytest.raises(UserError, match="not logged in") as caught:
        earthengine.EarthEngineSource("s2_l2a", requests=1)
    for way in ("earthengine authenticate", "gcloud auth application-default login", "GOOGLE_APPLICATION_CREDENTIALS"):
        assert way in caught.value.mend


@pytest.mark.parametrize("url", ["http://no-such-host.invalid", "http://127.0.0.1:9"])
def test_a_name_that_is_not_known_and_a_port_that_is_closed_end_soon(monkeypatch, tmp_path, url):
    monkeypatch.setenv("GREENUP_EE_URL", url)
    monkeypatch.setattr(login, "_credentials", lambda *_: login.google.auth.credentials.AnonymousCredentials())
    monkeypatch.setenv("GREENUP_EE_PROJECT", "test")
    began = time.monotonic()
    with pytest.raises(UserError, match="does not answer") as caught:
        earthengine.EarthEngineSource("s2_l2a", requests=1, patience=QUICK)
    assert "network" in caught.value.mend
    assert time.monotonic() - began < 60


def test_a_name_that_is_lost_on_the_way_is_a_passing_error(source, server, monkeypatch):
    """The resolver fails after the login, as it does when a node's network goes."""
    import socket

    def lost(*_args, **_more):
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    login_session = earthengine.ee.data._get_state().http_transport
    login_session.close()
    with monkeypatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", lost)
        found = source.read_many([s.index for s in SCENES], GRID, ("B2",))
    assert [f.cause for f in found] == ["error"] * 4 and "name resolution" in str(found[0])
    assert all(isinstance(f, Pixels) for f in source.read_many([s.index for s in SCENES], GRID, ("B2",)))
