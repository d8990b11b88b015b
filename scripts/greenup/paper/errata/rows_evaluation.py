"""Rows of the errata on evaluation: scores, probes, image sets, change detection, fine-tuning."""

from __future__ import annotations

from greenup.paper.errata import probes, sampling, scores, training
from greenup.paper.errata.row import Erratum

_QUIRKS = "tests/unit/evaluate/test_quirks.py::"
_SIAMESE = "tests/unit/evaluate/test_siamese.py::"
_INVENTED = "invented labels and scores, switch on and off"

SCORES = (
    Erratum(
        "scores_above_one", "scores", "k-NN scores taken for logits", ("SSL4Eco",),
        "float32 weights of neighbours add up to 1.0000001 here and there; torchmetrics takes scores for logits "
        "if one is above 1, and after the sigmoid every label with any vote is predicted (likely why k-NN's micro F1 "
        "of BigEarthNet is 49.9 beside a mAP of 84.0)",
        "weights in float64, scores clamped to [0, 1]",
        scores.score_above_one, _INVENTED,
        switch="knn: {compat: [scores_above_one]}", test=_QUIRKS + "test_one_score_above_one_turns_f1_of_1_into_0_27",
    ),
    Erratum(
        "sigmoid_of_shares", "scores", "k-NN histograms through a sigmoid", ("SSL4Eco",),
        "the mean histograms of neighbours (BioMassters) go through the sigmoid and the division that are meant for a "
        "layer's output (likely why k-NN's R² lies below 0 there)",
        "judged as they are",
        scores.sigmoid_of_shares, _INVENTED,
        switch="knn: {compat: [sigmoid_of_shares]}",
        test=_QUIRKS + "test_a_sigmoid_makes_a_perfect_histogram_score_0_11",
    ),
    Erratum(
        "threshold_on_logits", "scores", "threshold on logits", ("SSL4Eco",),
        "GeoLifeCLEF's probe predicts a species where its logit is above 0.5",
        "where its probability is",
        scores.probability_of_logit, "arithmetic",
        switch="linear: {compat: [threshold_on_logits]}, submission: {compat: [threshold_on_logits]}",
        test=_QUIRKS + "test_a_threshold_on_logits_is_a_probability_of_0_62",
    ),
    Erratum(
        "batch_means", "scores", "mean of batches", ("SeCo", "SSL4EO-S12"),
        "metrics are means over batches of test images, the last batch dropped",
        "once over the whole test part",
        scores.mean_of_batches, f"{_INVENTED}: ten models of nearly equal worth, 2 023 images",
        switch="linear: {compat: [batch_means]}, knn: {compat: [batch_means]}",
        test=_QUIRKS + "test_means_of_batches_are_another_number",
    ),
    Erratum(
        "species_5_if_none", "scores", "species 5 for none", ("SSL4Eco",),
        "a plot without any predicted species gets species 5",
        "the most probable species",
        switch="submission: {compat: [species_5_if_none]}",
        test="tests/unit/evaluate/test_submission.py::test_thresholds_and_empty_predictions",
    ),
    Erratum(
        "first_image_for_missing", "scores", "the first image for a missing one", ("SSL4Eco",),
        "a blind plot whose image is missing is given that of the first plot",
        "an error that names the plots",
        test="tests/unit/tasks/test_geolifeclef.py::test_a_missing_image_is_named_and_not_replaced",
    ),
    Erratum(
        "shares_with_epsilon", "scores", "shares that sum to 1.00008", ("SSL4Eco",),
        "1e-5 is added to each of BioMassters' eight shares, which are not brought back to a sum of 1",
        "they add up to 1",
        scores.shares_with_epsilon, "arithmetic",
        test="tests/unit/paper/errata/test_errata_scores.py::test_eight_hundred_thousandths_too_much",
    ),
)  # fmt: skip

PROBES = (
    Erratum(
        "statistics_of_all_rows", "probes", "z-scores with test rows", ("SSL4Eco",),
        "embeddings and targets are standardised by all images, those of the test part too",
        "by the fold's own train part",
        probes.statistics_of_all_rows, "invented embeddings, ten random folds: harmless at the size of the tasks",
        switch="linear: {compat: [statistics_of_all_rows]}",
        test="tests/unit/evaluate/test_linear.py::test_statistics_of_all_rows_are_one_map_for_all_folds",
    ),
    Erratum(
        "last_weights", "probes", "the last weights", ("SeCo", "SSL4EO-S12", "SSL4Eco"),
        "SSL4Eco's probe stops ten epochs after the best and keeps the last weights; SeCo and SSL4EO-S12 train "
        "to the end",
        "the best weights on the validation part",
        probes.last_weights, "invented embeddings, switch on and off",
        switch="linear: {compat: [last_weights]}, finetune: {compat: [last_weights], patience: null}",
        test="tests/unit/evaluate/test_linear.py::test_last_weights_have_a_higher_validation_loss",
    ),
    Erratum(
        "unstandardised", "probes", "k-NN of raw vectors", ("SSL4Eco",),
        "k-NN compares vectors as they come: dimensions of large spread decide",
        "standardised by the train part",
        switch="knn: {compat: [unstandardised]}",
        test="tests/unit/evaluate/test_probe.py::test_unstandardised_vectors_are_compared_as_they_come",
    ),
    Erratum(
        "cached_by_length", "probes", "a cache that knows only the length", ("SSL4Eco",),
        "embeddings are kept under the number of images: another set of the same length gets those of the first",
        "under the names of the images, the model and its weights",
        probes.cached_by_length, "ten subsets of one length of 10 000 invented images, one cache",
        test="tests/unit/paper/errata/test_errata_probes.py::test_nine_of_ten_subsets_get_the_first",
    ),
    Erratum(
        "duplicated_locations", "probes", "one place under two ids", ("SSL4Eco",),
        "the published label tables hold places twice, under different ids, which random folds may part",
        "a location is never split between folds",
        sampling.duplicated_locations,
        "some rows of each table, chosen so that pairs are among them: no rate; folds drawn",
        needs="label_tables", test="tests/unit/tasks/test_folds.py::test_one_location_is_never_split",
    ),
    Erratum(
        "parted_chips", "probes", "a chip in two parts", ("SSL4Eco",),
        "BioMassters' months of one chip part at random into training and validation (the test chips are others)",
        "`images: clearest` has one image a chip",
        probes.parted_chips, "invented: three months a chip, a tenth held back",
        test="tests/unit/paper/errata/test_errata_probes.py::test_a_month_is_alone_only_if_all_are_held_back",
    ),
    Erratum(
        "empty_months", "probes", "months without a pixel", ("SSL4Eco",),
        "months of BioMassters without one pixel of data are images of zeros",
        "they are left out, and counted in the log",
        test="tests/unit/tasks/test_biomassters.py::test_seasons_empty_months_and_splits",
    ),
    Erratum(
        "snow_and_cloud_lists", "probes", "lists that are not used", ("SSL4Eco",),
        "BigEarthNet's lists of patches with snow, and with cloud or shadow, are named but not taken out",
        "`lists: in_domain` of the image set leaves them out",
        why="needs BigEarthNet's images to show what they cost",
    ),
)  # fmt: skip

IMAGE_SETS = (
    Erratum(
        "bands_as_numbered", "image_sets", "TreeSatAI's band order", ("SSL4Eco",),
        "files in the order B2, B3, B4, B8, B5, B6, B7, B8A, B11, B12, B1, B9 are read as B1 to B12, unless "
        "they had been re-ordered (may explain the one linear probe that SeCo-Eco loses)",
        "each band is what it is called",
        probes.treesatai_bands, "both orders",
        switch="image_sets: {treesatai: {compat: [bands_as_numbered]}}",
        test="tests/unit/tasks/test_image_sets.py::test_treesatai_with_the_bands_that_ssl4eco_read",
    ),
    Erratum(
        "so2sat_rgb", "image_sets", "So2Sat's RGB", ("SSL4EO-S12",),
        "RGB are channels 0, 3, 6 of ten, B2, B5 and B8; with `normalize` images are multiplied by 255 twice",
        "bands are asked for by name, scales are constants",
        training.so2sat_rgb, "the order of the bands; what the second 255 does depends on a cast that was not run",
        test="tests/unit/paper/errata/test_errata_training.py::test_bands_by_position",
    ),
    Erratum(
        "validation_as_test", "image_sets", "reported on validation", ("SeCo", "SSL4EO-S12"),
        "BigEarthNet is reported on the list meant for validation, So2Sat on validation.h5, OSCD on the cities that "
        "validate during training, EuroSAT on a random fifth",
        "validated on val, tested on test",
        switch="image_sets: {bigearthnet_seco: {compat: [validation_as_test]}}",
        test="tests/unit/tasks/test_image_sets.py::test_bigearthnet_as_seco_lists_it",
    ),
    Erratum(
        "lost_transform", "image_sets", "a subset without its transform", ("SSL4EO-S12",),
        "EuroSAT's training subset (train_frac below 1) loses its augmentation and scaling",
        "views belong to the protocol, not to the images",
        why="no number of the paper is known to rest on it",
    ),
)  # fmt: skip

TRAINED_HEADS = (
    Erratum(
        "adapting_batch_norm", "heads", "batch norms that adapt", ("SeCo", "SSL4EO-S12"),
        "the frozen encoder is left in training mode: an image's features depend on the images beside it, and running "
        "statistics move (SeCo's OSCD; SSL4EO-S12's linear probes of ResNets and OSCD)",
        "a frozen network stays in evaluation mode",
        probes.adapting_batch_norm, "a ResNet-18 with random weights, invented images of differing brightness",
        packages=("torch", "torchvision"),
        switch="siamese: {compat: [adapting_batch_norm]}, finetune: {compat: [head_only, adapting_batch_norm]}",
        test=_SIAMESE + "test_the_encoder_stays_as_it_is_unless_it_adapts",
    ),
    Erratum(
        "padding_counts", "heads", "padding that counts", ("SeCo",),
        "tiles reach beyond the image, and the zeros there train and count as unchanged pixels",
        "they neither train nor count",
        switch="siamese: {compat: [padding_counts]}",
        test=_SIAMESE + "test_a_batch_is_scaled_padded_and_turned_as_one",
    ),
    Erratum(
        "tiles_lost", "heads", "tiles lost", ("SSL4EO-S12",),
        "tiles that do not fit are dropped, and one that fits exactly",
        "every pixel is judged",
        switch="siamese: {borders: drop}", test=_SIAMESE + "test_dropped_borders_are_not_judged",
    ),
    Erratum(
        "one_stretch_for_all", "heads", "one stretch for every network", ("SeCo", "SSL4EO-S12"),
        "every network gets bands stretched between quantiles of OSCD, whatever it was trained with",
        "the network's own scale",
        switch="siamese: {input_scale: oscd_quantiles}",
        test=_SIAMESE + "test_quantiles_of_oscd_are_the_papers_arithmetic",
    ),
    Erratum(
        "head_only", "heads", "fine-tuning of the head alone", ("SSL4EO-S12",),
        "told to fine-tune, the MAE script gives the optimiser the head's weights only",
        "the whole network is trained",
        switch="finetune: {like: ssl4eo_mae, compat: [head_only]}",
        test="tests/unit/evaluate/test_finetune_network.py::test_head_only_leaves_the_network_alone",
    ),
    Erratum(
        "scripts_not_released", "heads", "numbers without their script", ("SSL4EO-S12",),
        "the MoCo scripts of two tasks always freeze the network, and DINO's fine-tuning is not in the "
        "repository, though the README has fine-tuned numbers",
        "recipes in config/finetune.yaml say where each value comes from",
        why="what is not released cannot be run",
    ),
)  # fmt: skip
