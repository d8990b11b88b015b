"""Rows of the errata on sites, dates and images."""

from __future__ import annotations

from greenup.paper.errata import dates, pixels, sampling
from greenup.paper.errata.row import Erratum

_CITIES = "tests/unit/sites/test_cities.py::"
_CITY_DRAW = "a draw of the city sampler with packaged cities and land, switch on and off"

SITES = (
    Erratum(
        "sigma_in_degrees", "sites", "sigma in degrees", ("SeCo", "SSL4EO-S12"),
        "50 km are 0.44966 degrees of longitude and of latitude alike, so that the spread east and west shrinks "
        "with the cosine of the latitude; nothing keeps places within ± 90 and ± 180",
        "true distances on the sphere",
        sampling.spread_by_latitude, "sites drawn round one city, switch on and off",
        switch="sites: {compat: [sigma_in_degrees]}",
        test=_CITIES + "test_sigma_in_degrees_shrinks_the_spread_east_and_west_by_the_cosine",
    ),
    Erratum(
        "sea_allowed", "sites", "no land test", ("SeCo", "SSL4EO-S12"),
        "places at sea are drawn, and fail later, when no image is found",
        "places at sea are drawn again",
        sampling.sites_at_sea, _CITY_DRAW,
        switch="sites: {compat: [sea_allowed]}",
        test=_CITIES + "test_sea_allowed_keeps_places_at_sea",
    ),
    Erratum(
        "overlap_check_ineffective", "sites", "overlap check without effect", ("SSL4EO-S12",),
        "a place nearer than 1.98 km to another is replaced by a new one, and then downloaded all the same",
        "no two sites nearer than min_distance_km",
        sampling.overlapping_sites, f"{_CITY_DRAW}; 251 079 sites",
        switch="sites: {compat: [overlap_check_ineffective]}",
        test=_CITIES + "test_an_ineffective_check_is_no_check",
    ),
    Erratum(
        "overlap_in_degree_cells", "sites", "overlap check within cells", ("SSL4EO-S12",),
        "the grid variant compares plane degrees inside cells of one degree: neighbours over a cell's border "
        "are missed",
        "great-circle distance to all sites",
        sampling.overlapping_in_cells, f"{_CITY_DRAW}; 251 079 sites",
        switch="sites: {compat: [overlap_in_degree_cells]}",
        test=_CITIES + "test_overlap_in_degree_cells_misses_neighbours_over_borders",
    ),
    Erratum(
        "unseeded_draws", "sites", "unseeded draws", ("SeCo", "SSL4EO-S12"),
        "cities come from an unseeded generator, offsets from NumPy's global one, shared by threads",
        "drawn from the study's seed",
        test="tests/unit/sites/test_draw.py::test_the_same_sites_whatever_the_batches",
        why="the state of the generators was never recorded, so no released draw can be repeated; distributions are "
        "compared with 2 176 real sites by the figure sampling_check",
    ),
    Erratum(
        "city_list", "sites", "empty populations", ("SeCo", "SSL4EO-S12"),
        "the city list (simplemaps basic 1.71) counts an empty population as 0, so that such cities sort last",
        "GeoNames, packaged; `sources: {cities: simplemaps_1_71}` takes the released list",
        why="the list is not among the files that may be redistributed",
    ),
    Erratum(
        "weights_by_listing", "sites", "weights by listing order", ("SSL4Eco",),
        "sampling weights are matched to sites by the order in which the file system lists folders",
        "by site id",
        sampling.weights_by_listing, "invented: weights of SSL4Eco's shares, files listed at random (the worst case)",
        test="tests/unit/paper/errata/test_errata_sampling.py::test_weights_of_other_sites",
    ),
)  # fmt: skip

SEASONS = (
    Erratum(
        "random_phase", "seasons", "seasons of random phase", ("SSL4EO-S12",),
        "the released data have four dates a quarter of a year apart with one random backward shift of 0–364 days a "
        "site, although the papers that use them call them calendar seasons",
        "the rule `quarters` for what was released, `calendar` for what is documented",
        dates.random_phase, "real sites of SSL4EO-S12 v1.1's validation part",
        needs="ssl4eo_sites", switch="seasons: {rule: quarters} (default of ssl4eo_s12)",
        test="tests/unit/paper/errata/test_errata_dates.py::test_real_sites_have_a_random_phase",
    ),
    Erratum(
        "windows_not_as_commented", "seasons", "windows and their comments", ("SSL4EO-S12",),
        "comments in the downloaders say ± 15 and ± 30 days where the values differ",
        "widths are keys of the season rules",
        why="a comment has no effect; which script made the released data is measured in the row above",
    ),
    Erratum(
        "dates_from_run_date", "seasons", "dates from the run date", ("SeCo",),
        "dates count back from four weeks before the day of the download",
        "`last:` is a key of the rule",
        why="the days of the downloads are not published",
    ),
    Erratum(
        "site_replaced", "seasons", "sites replaced without a trace", ("SeCo", "SSL4EO-S12"),
        "a site without an image in one window is replaced by another place, recursively, and forgotten: cloudy places "
        "are rarer than drawn",
        "the site stays in the ledger with the reason, and is dropped below min_images",
        why="what was replaced was not kept; the share depends on the whole catalogue of images",
    ),
    Erratum(
        "most_recent_image", "seasons", "the latest image, not the clearest", ("SeCo", "SSL4EO-S12"),
        "the latest image of a window is taken; SSL4EO-S12 filters L1C, L2A and S1 apart, so that their dates "
        "may differ by weeks",
        "`scenes: {order: cloud}` takes the clearest, `pair_with` the scene nearest in time to another dataset's",
        switch="scenes: {order: recent}", test="tests/unit/scenes/test_choose.py::test_orders",
        why="the loss depends on the catalogue of images of each site and window, which no offline sample holds",
    ),
    Erratum(
        "plain_median", "seasons", "median of days over New Year", ("SSL4Eco",),
        "the text says median over the available years, of days of the year: where dates lie round New Year it "
        "may fall in July (a reading; no season code is released)",
        "median on the circle of the year",
        dates.median_over_new_year, "invented: 18 years that scatter by 15 days, switch on and off",
        switch="phenology: {compat: [plain_median]}",
        test="tests/unit/phenology/test_doy.py::test_the_plain_median_does_not_know_new_year",
    ),
    Erratum(
        "fill_each_date", "seasons", "dates of several donors", ("SSL4Eco",),
        "the text fills each missing date from its own nearest valid site, so that the four may contradict each "
        "other (a reading)",
        "all four from one donor",
        dates.donors_of_each_date, "invented: 4 000 sites over the globe, a fifth of each date missing",
        switch="phenology: {compat: [fill_each_date]}",
        test="tests/unit/phenology/test_fill.py::test_each_date_by_itself",
    ),
    Erratum(
        "planar_distance", "seasons", "nearest in plane degrees", ("SSL4Eco",),
        "the geographically nearest donor may mean plane degrees, which know neither the date line nor that meridians "
        "meet (a reading)",
        "great-circle distance",
        dates.donors_in_plane_degrees, "invented: 4 000 sites over the globe, a third without dates, switch on and off",
        switch="phenology: {compat: [planar_distance]}",
        test="tests/unit/phenology/test_fill.py::test_nearest_in_the_plane_is_not_nearest_on_earth",
    ),
)  # fmt: skip

IMAGES = (
    Erratum(
        "half_pixel", "images", "half a pixel", ("SeCo", "SSL4EO-S12", "SSL4Eco"),
        "the writer takes corner bounds for pixel centres and moves the origin half a pixel to the north-west",
        "the product's own UTM grid and transform",
        pixels.half_pixel, "geometry of a patch at 45° north",
        test="tests/unit/paper/errata/test_errata_pixels.py::test_half_a_pixel_both_ways",
    ),
    Erratum(
        "sheared_pixels", "images", "pixels in degrees", ("SeCo", "SSL4EO-S12", "SSL4Eco"),
        "files are written in longitude and latitude between corner bounds, while the pixels lie on a UTM grid that is "
        "turned against it away from the middle of its zone; the bounds are those of the 60 m band",
        "the product's own UTM grid and transform",
        pixels.sheared, "geometry of patches at 2.9° from the middle of a UTM zone; the 60 m band's bounds left aside",
        test="tests/unit/paper/errata/test_errata_pixels.py::test_the_shear_is_the_convergence_of_meridians",
    ),
    Erratum(
        "first_crop", "images", "top-left crop", ("SSL4Eco",),
        "of the window round a circle of 1 300 m the first 256 x 256 pixels are kept, so that the site is not in the "
        "middle; the window grows where its box in degrees is turned against the UTM grid",
        "the patch is centred on the site",
        pixels.crop_offset, "geometry, without the rounding to whole pixels",
        test="tests/unit/paper/errata/test_errata_pixels.py::test_the_first_crop_is_two_pixels_off_at_least",
    ),
    Erratum(
        "zoomed_bands", "images", "20 m and 60 m bands zoomed", ("SSL4Eco",),
        "the downstream download brings all bands to 10 m and then cuts those of 20 m and 60 m to 132 and 44 "
        "pixels: they show the middle of the patch, 2 and 6 times enlarged (by reading; the paper's images may be "
        "older)",
        "each band is cut in its own pixels",
        pixels.zoomed_bands, "geometry of a patch of 2 640 m",
        test="tests/unit/paper/errata/test_errata_pixels.py::test_zoomed_bands_show_a_half_and_a_sixth",
    ),
    Erratum(
        "offset_of_baseline_4", "images", "+1000 from baseline 04.00", ("SeCo", "SSL4EO-S12"),
        "the collections are not harmonised: from 25 January 2022 on stored values carry 1 000 more "
        "(the images that both released are older)",
        "harmonised collections on Earth Engine; elsewhere by item metadata only, and an item that says nothing is "
        "refused",
        pixels.ndvi_with_offset, "two pairs of reflectances, with and without the offset",
        test="tests/unit/imagery/test_offsets.py::test_offsets_follow_the_metadata",
    ),
    Erratum(
        "nodata_as_zero", "images", "no data as 0", ("SeCo", "SSL4EO-S12", "SSL4Eco"),
        "masked pixels become 0, which is also a value",
        "a validity mask beside the pixels",
        pixels.nodata_as_zero, "a band of one value, a tenth without data",
        test="tests/unit/imagery/test_earthengine.py::test_a_dark_pixel_is_not_a_masked_one_and_outside_the_scene_is",
    ),
    Erratum(
        "negative_ndvi", "images", "negative NDVI as 0", ("SSL4Eco",),
        "NDVI below 0 is stored as 0: water, snow and bare rock become alike",
        "the same where the band NDVI is asked for, so that its networks see what they learnt; any index can be "
        "computed from the bands",
        pixels.negative_ndvi, "one pair of reflectances",
        test="tests/unit/patches/test_store.py::test_ndvi_is_that_of_the_published_files",
    ),
    Erratum(
        "lossy_data", "images", "JPEG of data", ("SeCo", "SSL4EO-S12"),
        "SeCo stores bands as JPEG, and so does SSL4EO-S12's compressed release, whose authors report a loss of "
        "accuracy",
        "lossless",
        why="needs a released patch beside the product that it was made of; none is in the offline samples",
    ),
    Erratum(
        "qa60", "images", "QA60 as the cloud mask", ("SeCo", "SSL4EO-S12"),
        "clouds are masked by QA60, which is empty for part of 2022–2024 (the images that both released "
        "are older)",
        "SCL is kept beside the bands; QA60 is unknown where it is empty",
        test="tests/unit/imagery/test_earthengine.py::test_a_mask_that_was_not_made_is_not_taken_for_a_clear_sky",
        why="when it is empty is a matter of the catalogue, which cannot be asked offline",
    ),
    Erratum(
        "crop_argument", "images", "an argument that is not there", ("SSL4Eco",),
        "the README says --crop 264/128; the argument is --crop_size, and 128 is refused since 6 does not divide it",
        "size_px is checked when the study is read",
        why="a matter of the command line, without a number",
    ),
)  # fmt: skip
