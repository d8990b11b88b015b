"""Fetching from a server on this machine that fails in the ways servers do."""

import hashlib
import io
import threading
import zipfile
from dataclasses import replace

import pytest
from greenup.errors import UserError
from greenup.sites import fetch
from greenup.sites.fetch import fetch_source
from greenup.sites.sources import SourceFile

from tests.standins.files import FileServer, archive

BODY = bytes(range(256)) * 3000


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with FileServer() as served:
        yield served


@pytest.fixture
def file(server) -> SourceFile:
    """A plain file on the server, without checksum or mirror."""
    server.files["/a/cover.tif"] = BODY
    return SourceFile(
        name="cover", source="land_cover", title="Cover", url=f"{server.url}/a/cover.tif?download=1", mirror="",
        checksum="", member="", legend="igbp", licence="CC0", attribution="Nobody",
    )  # fmt: skip


def sha256(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def left(folder) -> set[str]:
    return {p.name for p in folder.rglob("*") if p.is_file()}


class TestWhole:
    def test_a_file_with_its_checksums(self, file, tmp_path):
        target = tmp_path / "cover" / "cover.tif"
        capitals = f"sha256:{hashlib.sha256(BODY).hexdigest().upper()}"
        for checksum in ("", sha256(BODY), capitals, f"md5:{hashlib.md5(BODY).hexdigest()}"):
            fetch_source(replace(file, checksum=checksum), target)
            assert target.read_bytes() == BODY
            assert left(tmp_path) == {"cover.tif", "cover.tif.sha256"}
            target.unlink()
        record = (tmp_path / "cover" / "cover.tif.sha256").read_text()
        assert record == f"{hashlib.sha256(BODY).hexdigest()}  cover.tif\n", "the format of sha256sum"

    def test_the_file_inside_an_archive(self, server, file, tmp_path):
        server.files["/z.zip"] = archive(read__me_dot_txt=b"hello", deep__cities_dot_csv=b"lon,lat\n")
        fetch_source(replace(file, url=f"{server.url}/z.zip", member="deep/cities.csv"), tmp_path / "cities.csv")
        assert (tmp_path / "cities.csv").read_text() == "lon,lat\n"
        assert left(tmp_path) == {"cities.csv", "z.zip.sha256"}

    def test_a_shapefile_comes_with_its_companions(self, server, file, tmp_path):
        parts = {f"in__land_dot_{s}": s.encode() for s in ("shp", "shx", "dbf", "prj", "cpg")}
        others = {"in__landmarks_dot_shp": b"no", "land_dot_dbf": b"no", "__MACOSX__in__land_dot_shp": b"no"}
        server.files["/z.zip"] = archive(**parts, **others)
        fetch_source(replace(file, url=f"{server.url}/z.zip", member="in/land.shp"), tmp_path / "land.shp")
        assert left(tmp_path) == {f"land.{s}" for s in ("shp", "shx", "dbf", "prj", "cpg")} | {"z.zip.sha256"}
        assert (tmp_path / "land.dbf").read_bytes() == b"dbf"

    def test_a_folder_that_the_publisher_renamed_does_no_harm(self, server, file, tmp_path):
        server.files["/z.zip"] = archive(release_2__land_dot_shp=b"shp", release_2__land_dot_dbf=b"dbf")
        fetch_source(replace(file, url=f"{server.url}/z.zip", member="land.shp"), tmp_path / "land.shp")
        assert (tmp_path / "land.dbf").read_bytes() == b"dbf"


class TestMirror:
    def test_is_asked_only_when_the_first_address_fails(self, server, file, tmp_path):
        server.files["/mirror.tif"] = BODY
        fetch_source(replace(file, mirror=f"{server.url}/mirror.tif"), tmp_path / "cover.tif")
        assert server.asked == ["/a/cover.tif"]
        del server.files["/a/cover.tif"]
        fetch_source(replace(file, mirror=f"{server.url}/mirror.tif"), tmp_path / "cover.tif")
        assert server.asked[1:] == ["/a/cover.tif", "/mirror.tif"]
        assert (tmp_path / "cover.tif").read_bytes() == BODY

    def test_helps_against_a_wrong_file(self, server, file, tmp_path):
        server.files["/mirror.tif"] = BODY
        server.files["/a/cover.tif"] = b"<html>moved</html>"
        fetch_source(replace(file, mirror=f"{server.url}/mirror.tif", checksum=sha256(BODY)), tmp_path / "cover.tif")
        assert (tmp_path / "cover.tif").read_bytes() == BODY


class TestFailures:
    def check(self, file, target, *said):
        with pytest.raises(UserError) as error:
            fetch_source(file, target)
        assert all(part in str(error.value) for part in (*said, "mend:")), error.value
        assert not target.exists()
        return str(error.value)

    def test_wrong_checksum(self, server, file, tmp_path):
        self.check(
            replace(file, checksum=sha256(b"other")), tmp_path / "cover.tif",
            f"{server.url}/a/cover.tif", sha256(BODY), sha256(b"other"), "config/sources.csv",
        )  # fmt: skip
        assert left(tmp_path) == set()

    def test_nothing_at_either_address(self, server, file, tmp_path):
        server.files.clear()
        message = self.check(
            replace(file, mirror=f"{server.url}/b"), tmp_path / "cover.tif",
            "404", "/a/cover.tif", f"{server.url}/b", "data/sources/cover/cover.tif", "sources.land_cover",
            "GREENUP_SOURCES",
        )  # fmt: skip
        assert message.count("404") >= 2
        assert left(tmp_path) == set()

    def test_no_server(self, server, file, tmp_path):
        server.stop()
        self.check(file, tmp_path / "cover.tif", server.url, "internet")

    def test_a_silent_server(self, server, file, tmp_path, monkeypatch):
        monkeypatch.setattr(fetch, "TIMEOUT_S", 0.2)
        stop = threading.Event()
        get = server.http.RequestHandlerClass.do_GET
        monkeypatch.setattr(server.http.RequestHandlerClass, "do_GET", lambda s: (stop.wait(5), get(s)))
        self.check(file, tmp_path / "cover.tif", "timed out")
        stop.set()

    def test_a_connection_cut_half_way_leaves_nothing_and_then_comes_whole(self, server, file, tmp_path):
        """Without a checksum too: half a file never passes for a whole one."""
        server.cut = ["/a/cover.tif"]
        self.check(file, tmp_path / "cover.tif", "/a/cover.tif")
        assert left(tmp_path) == set()
        fetch_source(file, tmp_path / "cover.tif")
        assert (tmp_path / "cover.tif").read_bytes() == BODY

    def test_a_file_that_has_changed_since_the_first_download(self, server, file, tmp_path):
        target = tmp_path / "cover.tif"
        fetch_source(file, target)
        target.unlink()
        server.files["/a/cover.tif"] = BODY + b"new"
        self.check(file, target, sha256(BODY), sha256(BODY + b"new"), "delete", "cover.tif.sha256")
        (tmp_path / "cover.tif.sha256").unlink()
        fetch_source(file, target)
        assert target.read_bytes() == BODY + b"new"

    def test_the_archive_lacks_the_file(self, server, file, tmp_path):
        server.files["/z.zip"] = archive(other_dot_shp=b"")
        self.check(
            replace(file, url=f"{server.url}/z.zip", member="land.shp"), tmp_path / "land.shp", "other.shp", "member"
        )

    def test_a_web_page_instead_of_an_archive(self, server, file, tmp_path):
        server.files["/z.zip"] = b"<html>moved</html>"
        self.check(
            replace(file, url=f"{server.url}/z.zip", member="land.shp"), tmp_path / "land.shp", "no whole zip", "/z.zip"
        )
        assert left(tmp_path) == set()

    def test_a_damaged_archive(self, server, file, tmp_path):
        """The member's own checksum is wrong though the archive can be listed."""
        whole = bytearray(archive(land_dot_shp=bytes(range(256)) * 40))
        at = whole.index(b"land.shp") + len(b"land.shp") + 30
        whole[at] ^= 0xFF
        server.files["/z.zip"] = bytes(whole)
        self.check(
            replace(file, url=f"{server.url}/z.zip", member="land.shp"), tmp_path / "land.shp", "no whole zip", "/z.zip"
        )

    def test_what_was_there_stays_when_a_new_download_fails(self, server, file, tmp_path):
        fetch_source(file, tmp_path / "cover.tif")
        server.files.clear()
        with pytest.raises(UserError):
            fetch_source(file, tmp_path / "cover.tif")
        assert (tmp_path / "cover.tif").read_bytes() == BODY


class TestChecksumsThatSayLittle:
    """The log tells what cannot be known, and what was had the first time must come again."""

    @pytest.mark.parametrize(
        "checksum, told",
        [("", "has no checksum of this file"), (sha256(BODY)[:15], "only the first digits of the checksum")],
    )
    def test_the_first_download_is_told_and_holds_the_next(self, checksum, told, server, file, tmp_path, caplog):
        target, file = tmp_path / "cover.tif", replace(file, checksum=checksum)
        fetch_source(file, target)
        assert told in caplog.text and "cover.tif.sha256" in caplog.text
        caplog.clear()
        target.unlink()
        fetch_source(file, target)
        assert told not in caplog.text, "the record is there now"
        record = tmp_path / "cover.tif.sha256"
        record.write_text(record.read_text().replace(record.read_text()[:4], "0000"))
        target.unlink()
        with pytest.raises(UserError, match=r"(?s)by .*cover\.tif\.sha256 it was sha256:0000.*delete"):
            fetch_source(file, target)
        assert not target.exists()

    def test_a_whole_checksum_needs_no_words_and_no_record(self, file, tmp_path, caplog):
        (tmp_path / "cover.tif.sha256").write_text(f"{'0' * 64}  cover.tif\n")
        fetch_source(replace(file, checksum=sha256(BODY)), tmp_path / "cover.tif")
        assert "checksum" not in caplog.text


class TestArchivesMadeToDoHarm:
    def test_members_lie_beside_the_target_whatever_they_are_called(self, server, file, tmp_path):
        parts = {f"../../x/land.{s}": s.encode() for s in ("shp", "dbf")}
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as contents:
            for name, data in parts.items():
                contents.writestr(name, data)
        server.files["/z.zip"] = buffer.getvalue()
        folder = tmp_path / "a" / "b"
        fetch_source(replace(file, url=f"{server.url}/z.zip", member="land.shp"), folder / "land.shp")
        assert left(tmp_path) == left(folder) == {"land.shp", "land.dbf", "z.zip.sha256"}

    def test_a_bomb_leaves_nothing(self, server, file, tmp_path, monkeypatch):
        monkeypatch.setattr("greenup.archives.BOMB_BYTES", 1 << 20)
        server.files["/z.zip"] = archive(land_dot_tif=bytes(4 << 20))
        with pytest.raises(UserError, match="zip bomb"):
            fetch_source(replace(file, url=f"{server.url}/z.zip", member="land.tif"), tmp_path / "land.tif")
        assert left(tmp_path) == set()
