"""Archives made to do harm."""

import io
import os
import stat
import zipfile
from types import SimpleNamespace

import pytest
from greenup import archives
from greenup.archives import extract, read_member
from greenup.errors import UserError


def packed(*members: tuple[zipfile.ZipInfo | str, bytes]) -> zipfile.ZipFile:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as contents:
        for name, data in members:
            contents.writestr(name, data)
    return zipfile.ZipFile(io.BytesIO(buffer.getvalue()))


def special(name: str, mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = mode << 16
    return info


@pytest.mark.parametrize("name", ["../../evil.csv", "/evil.csv", "a/../../evil.csv", "..\\evil.csv", "C:\\evil.csv"])
def test_a_name_decides_nothing(name, tmp_path):
    (tmp_path / "in").mkdir()
    with packed((name, b"lon,lat\n")) as archive:
        extract(archive, archive.namelist()[0], tmp_path / "in/wanted.csv", "z.zip")
    assert [p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()] == ["in/wanted.csv"]


@pytest.mark.parametrize("mode", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO, stat.S_IFREG | stat.S_ISUID | 0o777])
def test_links_and_devices_become_plain_files(mode, tmp_path):
    with packed((special("a.csv", mode), b"/etc/passwd")) as archive:
        extract(archive, "a.csv", tmp_path / "a.csv", "z.zip")
    found = (tmp_path / "a.csv").lstat().st_mode
    assert stat.S_ISREG(found) and not found & (stat.S_ISUID | stat.S_ISGID | stat.S_IXUSR)


def test_a_link_that_waits_at_the_target_is_not_followed(tmp_path):
    (tmp_path / "a.csv").symlink_to(tmp_path / "elsewhere")
    with packed(("a.csv", b"x")) as archive, pytest.raises(FileExistsError):
        extract(archive, "a.csv", tmp_path / "a.csv", "z.zip")
    assert not (tmp_path / "elsewhere").exists()


def test_a_bomb_is_refused_before_it_is_opened(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "BOMB_BYTES", 1 << 20)
    with packed(("a.csv", bytes(3 << 20))) as archive:
        with pytest.raises(UserError, match=r"z\.zip: a\.csv would unpack to 0\.0 GB, \d+ times .* zip bomb"):
            extract(archive, "a.csv", tmp_path / "a.csv", "z.zip")
        with pytest.raises(UserError, match="zip bomb"):
            read_member(archive, "a.csv", "z.zip")
    assert not list(tmp_path.iterdir())


def test_ordinary_data_is_no_bomb(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "BOMB_BYTES", 1 << 20)
    data = os.urandom(1 << 16) * 40
    with packed(("a.csv", data)) as archive:
        assert read_member(archive, "a.csv", "z.zip") == data


def test_no_more_comes_than_is_declared(tmp_path):
    """A bomb that declares little: zipfile ends at what is declared, and the CRC is wrong."""
    with packed(("a.csv", bytes(3 << 20))) as archive:
        archive.getinfo("a.csv").file_size = 10
        with pytest.raises(zipfile.BadZipFile, match="CRC"):
            extract(archive, "a.csv", tmp_path / "a.csv", "z.zip")
    assert (tmp_path / "a.csv").stat().st_size <= 10


def test_more_than_the_disk_has_room_for(tmp_path, monkeypatch):
    monkeypatch.setattr(archives.shutil, "disk_usage", lambda _: SimpleNamespace(free=5))
    with packed(("a.csv", b"too long")) as archive, pytest.raises(UserError, match="make room"):
        extract(archive, "a.csv", tmp_path / "a.csv", "z.zip")
