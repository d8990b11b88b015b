"""What a data card says."""


def test_every_sampler_and_season_rule_is_told():
    """A kind without its sentence would break the card of every dataset that has it."""
    from greenup.config.generate import _kinds, _tag
    from greenup.config.seasons import Seasons
    from greenup.config.sites import Sites
    from greenup.patches.card import _SEASONS, _SITES

    assert set(_SITES) == {_tag(kind)[1] for kind in _kinds(Sites)}
    assert set(_SEASONS) == {_tag(kind)[1] for kind in _kinds(Seasons)}
