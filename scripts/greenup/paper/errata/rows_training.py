"""Rows of the errata on pretraining and on what networks are fed."""

from __future__ import annotations

from greenup.paper.errata import scales, training
from greenup.paper.errata.row import Erratum

_SWITCHED = "values through the switch, on and off"

TRAINING = (
    Erratum(
        "dates_with_replacement", "training", "dates drawn with replacement", ("SeCo", "SSL4EO-S12"),
        "a site's dates are drawn with replacement: a pair of views may show one image twice",
        "distinct dates as far as there are enough",
        training.repeated_dates, "50 000 draws, switch on and off",
        switch="method: {compat: [dates_with_replacement]}",
        test="tests/unit/pretrain/test_views_dates.py::"
        "test_with_replacement_dates_repeat_as_often_as_in_the_released_code",
    ),
    Erratum(
        "subset_with_replacement", "training", "subsets with replacement", ("SSL4EO-S12",),
        "`random_subset` draws with replacement even when asked for all: the LMDB of pretraining lacks a third of the "
        "sites, MAE draws a second time, and a tenth of BigEarthNet has less than a tenth",
        "every site once an epoch when weights are equal",
        training.distinct_after_subset, "draws of the same sizes; a second draw as large as the first",
        test="tests/unit/pretrain/test_training_order.py::"
        "test_a_subset_drawn_with_replacement_keeps_632_of_1000_sites",
    ),
    Erratum(
        "integer_wrap", "training", "8 bits that wrap around", ("SSL4EO-S12",),
        "brightness, contrast and reflectances above 1 are cast to bytes without clipping",
        "computed in float32 on 16-bit values and clipped",
        training.wrapped_bytes, _SWITCHED,
        switch="method: {compat: [integer_wrap]}",
        test="tests/unit/pretrain/test_views_wrap.py::test_the_documented_numbers",
    ),
    Erratum(
        "ndvi_as_reflectance", "training", "NDVI made brighter", ("SSL4Eco",),
        "brightness and contrast change NDVI as if it were a reflectance, though no light changes a ratio",
        "they leave indices alone",
        training.brightened_ndvi, _SWITCHED,
        switch="method: {compat: [ndvi_as_reflectance]}",
        test="tests/unit/pretrain/test_views_colours.py::test_indices_are_lit_only_where_they_are_taken_for_reflectances",
    ),
    Erratum(
        "divided_by_255", "training", "division by 255 where any value is above 1", ("SSL4EO-S12", "SSL4Eco"),
        "the OpenCV ToTensor divides an image by 255 if its largest value is above 1, whatever its type: SSL4EO-S12's "
        "images of floats shrink 255 times if one pixel is above 10 000; SSL4Eco's networks see stored values / 255, "
        "in pretraining and probes alike",
        "scales are constants: `reflectance` for SSL4EO-S12's, `published_255` for SSL4Eco's",
        training.divided_by_255, "images of two values",
        test="tests/unit/paper/errata/test_errata_training.py::test_one_bright_pixel_divides_all_by_255",
    ),
    Erratum(
        "solarize_below", "training", "solarisation of the dark side", ("SSL4EO-S12",),
        "DINO's solarisation inverts values below half of the range; MoCo-v3's second view lacks solarisation",
        "what is above, as the DINO paper says; recipes state what each view gets",
        training.solarized_side, _SWITCHED,
        switch="method: {compat: [solarize_below]}",
        test="tests/unit/pretrain/test_views_colours.py::test_solarisation_inverts_from_half_of_the_range_up",
    ),
    Erratum(
        "workers_alike", "training", "workers that draw alike", ("SeCo",),
        "dates come from NumPy's global generator, whose state all loading workers inherit with torch below 1.9 (SeCo "
        "pins 1.7.1)",
        "every sample has a generator of its own",
        training.workers_alike, "500 epochs of eight workers, two of four dates",
        test="tests/unit/paper/errata/test_errata_training.py::test_inherited_states_draw_alike",
    ),
    Erratum(
        "reseeded_samples", "training", "NumPy's seed reset by each sample", ("SSL4EO-S12",),
        "the season mode 'fixed' sets NumPy's global seed to 42 at every sample: all that is drawn after it from there "
        "is the same for all samples",
        "every sample has a generator of its own",
        training.reseeded_samples, "1 000 samples",
        test="tests/unit/paper/errata/test_errata_training.py::test_a_seed_reset_leaves_one_draw",
    ),
    Erratum(
        "constant_learning_rate", "training", "learning rate never lowered", ("SSL4Eco",),
        "SeCo-Eco's command gives no cosine, and its milestones, 120 and 160, lie beyond its 100 epochs",
        "constant as released in `seco_eco`; schedules are keys of the optimiser",
        training.last_learning_rate, "arithmetic; beside it milestones at the same shares of the training as SeCo's",
        switch="optimizer: {schedule: constant} (default of seco_eco)",
        test="tests/unit/paper/errata/test_errata_training.py::test_the_rate_by_torchs_schedule",
    ),
    Erratum(
        "rgb_mode", "training", "RGB of the wrong bands", ("SSL4Eco",),
        "the mode rgb reads bands 3, 2, 1 of a 12-band file that begins with B1",
        "bands are asked for by name",
        training.rgb_of_twelve_bands, "the order of the bands",
        test="tests/unit/paper/errata/test_errata_training.py::test_bands_by_position",
    ),
    Erratum(
        "listing_order", "training", "date order of the file system", ("SeCo", "SSL4EO-S12"),
        "the order of a site's dates is that of os.listdir, which no file system promises",
        "by time",
        why="the order on the authors' disks is not known",
    ),
    Erratum(
        "length_by_hand", "training", "data-set length by hand", ("SSL4EO-S12",),
        "under Slurm the number of samples is written into the scripts: 250 000, 50 000, 300 000 or 100 000",
        "counted",
        why="it moves the schedule by less than a hundredth where the number is nearly right; which runs had another "
        "number of samples is not published",
    ),
    Erratum(
        "crashes", "training", "crashes outside the authors' setup", ("SSL4EO-S12", "SSL4Eco"),
        "resuming and previews lack an import, failed downloads recurse without end, MoCo-Eco needs Slurm's rank",
        "failures are kept in ledgers and tried again with a bound; every target runs without Slurm",
        why="a crash has no number",
    ),
)  # fmt: skip

NETWORKS = (
    Erratum(
        "torchgeo_ssl4eco_scale", "networks", "SSL4Eco's weights fed / 10 000", ("TorchGeo",),
        "TorchGeo's transform for SENTINEL2_ALL_(NDVI_)SECO_ECO divides stored values by 10 000; the networks were "
        "trained on values / 255",
        "`published_255`",
        scales.torchgeo_ssl4eco, "the transform object itself; its effect on accuracy is not measured",
        packages=("torchgeo", "torch"), switch="input_scale: reflectance",
        test="tests/unit/paper/errata/test_errata_scales.py::test_the_factor_is_that_of_the_divisors",
    ),
    Erratum(
        "torchgeo_seco_scale", "networks", "SeCo's weights fed 255 times too large", ("TorchGeo",),
        "TorchGeo's transform for SENTINEL2_RGB_SECO multiplies the stretched image by 255 before ImageNet's mean and "
        "deviation, which are of 0..1, clips nothing, and stretches red between the quantiles of blue and blue between "
        "those of red",
        "`rgb_quantiles_imagenet`",
        scales.torchgeo_seco, "the transform object itself; its effect on accuracy is not measured",
        packages=("torchgeo", "torch"),
        test="tests/unit/paper/errata/test_errata_scales.py::test_green_is_255_times_too_wide",
    ),
    Erratum(
        "torchgeo_weight_files", "networks", "weight files exchanged", ("TorchGeo",),
        "the files behind SSL4Eco's weights changed between TorchGeo 0.8.1 and 0.10.1",
        "checksums in config/weights.csv",
        why="what changed inside them needs both files, which are not among the offline samples",
    ),
    Erratum(
        "seco_scale", "networks", "SeCo fed otherwise than trained", ("SSL4Eco",),
        "in the comparison SeCo gets BigEarthNet's mean -+ 2 deviations at 128 pixels, without the quantiles and "
        "ImageNet's mean and deviation of its pretraining; the paper lays its scores to red, green and blue alone",
        "that of the pretraining, at 224 pixels",
        scales.seco_as_ssl4eco_feeds_it, "both scales of this project; the effect on scores needs the weights",
        switch="weights: seco_resnet50_1m_in_ssl4eco",
        test="tests/unit/paper/errata/test_errata_scales.py::test_both_scales_of_seco_by_hand",
    ),
    Erratum(
        "labels_seen", "networks", "SatMAE has seen labels", ("SSL4Eco",),
        "the encoder fine-tuned on fMoW-Sentinel stands among self-supervised ones",
        "the same and said so; `satmae_vit_large_pretrain` has seen none",
        switch="weights: satmae_vit_large",
        why="needs both weights and the tasks' images",
    ),
    Erratum(
        "rounded_before_resizing", "networks", "resized after rounding", ("SSL4Eco",),
        "inputs of SSL4EO-S12 and DOFA are resized after they were rounded to 8 bits",
        "every image is resized first",
        scales.rounded_before_resizing, "one invented smooth texture",
        test="tests/unit/paper/errata/test_errata_scales.py::test_rounding_down_costs_half_a_step",
    ),
)  # fmt: skip
