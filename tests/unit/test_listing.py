import pytest
from greenup.errors import UserError
from greenup.listing import read_rows


def test_rows_are_stripped_and_say_where_they_stand(tmp_path):
    path = tmp_path / "files.csv"
    path.write_text('b,a,more\n1, x ,y\n"2\n2",,z\n')
    assert read_rows(path, ["a", "b"], "TABLE") == [
        (f"{path}, line 2", {"a": "x", "b": "1"}),
        (f"{path}, line 3", {"a": "", "b": "2\n2"}),
    ]


def test_what_cannot_be_read_is_told(tmp_path):
    with pytest.raises(UserError, match="cannot be read") as caught:
        read_rows(tmp_path / "none.csv", ["a"], "TABLE")
    assert "TABLE" in caught.value.mend
    (tmp_path / "short.csv").write_text("a\n1\n")
    with pytest.raises(UserError, match="column 'b' is missing"):
        read_rows(tmp_path / "short.csv", ["a", "b"], "TABLE")
