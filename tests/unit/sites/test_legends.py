"""Land-cover legends: the published codes, and what is common to them."""

from greenup.sites import legends


def test_igbp_has_its_seventeen_classes_and_both_codes_of_water():
    assert sorted(legends.IGBP) == list(range(17))
    assert len(set(legends.IGBP.values())) == 17
    assert legends.LEGENDS["igbp"][17] == legends.LEGENDS["igbp"][0] == "water"


def test_copernicus_has_the_discrete_classes_of_lc100():
    # Product user manual: eleven classes of land without forest and the sea, six of closed and six of open forest.
    forests = [*range(111, 117), *range(121, 127)]
    assert sorted(legends.COPERNICUS) == sorted([20, 30, 40, 50, 60, 70, 80, 90, 100, 200, *forests])
    for code in range(111, 117):
        closed, opened = legends.COPERNICUS[code], legends.COPERNICUS[code + 10]
        assert closed.removeprefix("closed_") == opened.removeprefix("open_")
        assert closed.startswith("closed_") and opened.startswith("open_")


def test_every_legend_says_what_is_bare_and_what_is_no_data():
    assert set(legends.NODATA) == set(legends.LEGENDS)
    for name, classes in legends.LEGENDS.items():
        assert sum(c in legends.BARE for c in classes.values()) == 2
        assert not legends.NODATA[name] & set(classes)
