"""The error that users read, and the frame around every job."""

import logging
import subprocess
import sys
from pathlib import Path

import pytest
from greenup.errors import PassingError, UserError, job

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture(autouse=True)
def logging_as_before():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


class TestUserError:
    def test_message_and_mend(self):
        error = UserError("a.csv: no column lat", "add it")
        assert str(error) == "a.csv: no column lat\n  mend: add it"
        assert (error.message, error.mend) == ("a.csv: no column lat", "add it")

    def test_without_mend(self):
        assert str(UserError("a.csv: no column lat")) == "a.csv: no column lat"


class TestJob:
    def test_a_user_error_is_one_message_without_traceback(self, tmp_path, capsys):
        log = tmp_path / "logs/rule/a.log"
        with pytest.raises(SystemExit) as caught, job(str(log)):
            raise UserError("a.csv: no column lat", "add it")
        assert caught.value.code == 1
        for text in (capsys.readouterr().err, log.read_text()):
            assert "error: a.csv: no column lat\n  mend: add it" in text
            assert "Traceback" not in text

    @pytest.mark.parametrize(("cause", "mend"), [("quota", "runtime.requests"), ("error", "run again later")])
    def test_a_service_that_stays_away_is_one_message_too(self, tmp_path, capsys, cause, mend):
        with pytest.raises(SystemExit) as caught, job(str(tmp_path / "job.log")):
            raise PassingError("search in S2: 429 Too many", cause)
        assert caught.value.code == 1
        for told in (capsys.readouterr().err, (tmp_path / "job.log").read_text()):
            assert "search in S2: 429 Too many" in told
            assert mend in told
            assert "Traceback" not in told

    def test_any_other_error_has_its_traceback_in_the_log(self, tmp_path, capsys):
        log = tmp_path / "a.log"
        with pytest.raises(SystemExit) as caught, job(str(log)):
            _ = [][3]
        assert caught.value.code == 1
        for text in (capsys.readouterr().err, log.read_text()):
            assert "Traceback" in text
            assert "IndexError" in text

    def test_what_is_logged_goes_to_the_file_and_to_the_screen(self, tmp_path, capsys):
        with job([str(tmp_path / "a.log")]):
            logging.getLogger("greenup.sites").info("40 sites")
        assert "40 sites" in (tmp_path / "a.log").read_text()
        assert "40 sites" in capsys.readouterr().err

    def test_a_second_run_starts_the_log_anew(self, tmp_path):
        for text in ("first", "second"):
            with job(str(tmp_path / "a.log")):
                logging.getLogger("greenup").info(text)
        assert "first" not in (tmp_path / "a.log").read_text()

    @pytest.mark.parametrize("log", [None, []])
    def test_without_a_log_file(self, log, capsys):
        with job(log):
            logging.getLogger("greenup").info("40 sites")
        assert "40 sites" in capsys.readouterr().err

    def test_exit_code_of_a_process(self):
        code = f"import sys; sys.path.insert(0, {str(SCRIPTS)!r})\n" \
            "from greenup.errors import UserError, job\nwith job(): raise UserError('wrong', 'mend it')"  # fmt: skip
        done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
        assert done.returncode == 1
        assert done.stderr.endswith("error: wrong\n  mend: mend it\n")
        assert done.stdout == ""

    def test_exits_pass_through(self):
        with pytest.raises(SystemExit) as caught, job():
            raise SystemExit(3)
        assert caught.value.code == 3
