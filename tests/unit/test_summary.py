"""The closing table of a run, from made-up benchmark files."""

from greenup.summary import print_summary, stage_times

HEADER = "s\th:m:s\tmax_rss\n"


def test_times_are_summed_by_stage_in_order(tmp_path):
    folder = tmp_path / "benchmarks"
    for stage, name, seconds, memory in (
        ("scenes", "a.0000", 2.5, "120.5"),
        ("scenes", "a.0001", 1.5, "300"),
        ("sites", "a", 4.0, "-"),
    ):
        (folder / stage).mkdir(parents=True, exist_ok=True)
        (folder / stage / f"{name}.tsv").write_text(f"{HEADER}{seconds}\t0:00:02\t{memory}\n")
    times = stage_times(tmp_path)
    assert list(times) == ["sites", "scenes"]
    assert times["scenes"] == (2, 4.0, 300.0)
    assert times["sites"] == (1, 4.0, 0.0)


def test_the_report_is_named(tmp_path, capsys):
    print_summary(tmp_path)
    assert "No report yet" in capsys.readouterr().out
    (tmp_path / "report.html").write_text("x")
    print_summary(tmp_path)
    assert f"The report: {tmp_path / 'report.html'}" in capsys.readouterr().out
