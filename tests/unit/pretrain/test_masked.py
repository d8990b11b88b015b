"""MAE and data2vec: methods that hide patches of a ViT."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from greenup.bands import PRODUCTS
from greenup.pretrain.backbones import sine_positions
from greenup.pretrain.methods.base import Moment
from greenup.pretrain.methods.data2vec import Data2vec, data2vec_loss, teacher_target
from greenup.pretrain.methods.mae import Mae, mae_loss
from greenup.pretrain.methods.tokens import embed_patches, patches_of, visible
from learners import MOMENT, batch_of, check_one_step, model_of, views

DECODER = {"decoder_dim": 16, "decoder_depth": 1, "decoder_heads": 2}


def mae_of(**method) -> Mae:
    model = model_of("mae", "vit_tiny", crop_px=32, **{**DECODER, **method})
    return Mae(model, model.method, 1)


def data2vec_of(**method) -> Data2vec:
    model = model_of("data2vec", "vit_tiny", crop_px=32, **method)
    return Data2vec(model, model.method, 1)


def masks(n: int = 4, hidden: int = 11, seed: int = 0) -> torch.Tensor:
    """(n, 4, 4) bool with ``hidden`` True in each."""
    draws = torch.Generator().manual_seed(seed)
    order = torch.stack([torch.randperm(16, generator=draws) for _ in range(n)])
    return (order < hidden).reshape(n, 4, 4)


def batch(n: int = 4, seed: int = 0):
    return batch_of(views(1, n=n, size=32, seed=seed), masks=masks(n, seed=seed))


# --------------------------------------------------------------------------------------------------------------- tokens
def test_patches_lie_where_the_image_has_them():
    image = torch.arange(2 * 3 * 4 * 6, dtype=torch.float32).reshape(2, 3, 4, 6)
    cut = patches_of(image, 2)
    assert cut.shape == (2, 6, 12)
    for n in range(2):
        for row in range(2):
            for column in range(3):
                patch = image[n, :, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
                assert torch.equal(cut[n, 3 * row + column], patch.permute(1, 2, 0).flatten())


def test_patches_are_those_of_lightly():
    from lightly.models.utils import patchify

    image = views(1, n=2, size=32)[0]
    assert torch.equal(patches_of(image, 8), patchify(image, 8))


def test_visible_tokens_are_the_unhidden_in_order():
    tokens = torch.randn(3, 17, 5)
    hidden = masks(3).flatten(1)
    kept, places = visible(tokens, hidden)
    for n in range(3):
        expected = (~hidden[n]).nonzero()[:, 0]
        assert torch.equal(places[n], expected)
        assert torch.equal(kept[n], torch.cat([tokens[n, :1], tokens[n, 1:][expected]]))


def test_hidden_patches_keep_their_position_and_lose_their_content():
    data2vec = data2vec_of().eval()
    images, hidden = views(1, size=32)[0], masks()
    other = images.clone()
    where = hidden.repeat_interleave(8, 1).repeat_interleave(8, 2)[:, None].expand_as(images)
    other[where] = 7.0
    a, b = (embed_patches(data2vec.encoder, x, hidden, data2vec.token) for x in (images, other))
    assert torch.equal(a, b)
    assert not torch.equal(a, embed_patches(data2vec.encoder, images))
    # Two hidden patches of one image differ by their positions alone.
    first, second = hidden[0].flatten().nonzero()[:2, 0]
    positions = data2vec.encoder.pos_embed[0, 1:]
    torch.testing.assert_close(a[0, 1 + first] - a[0, 1 + second], positions[first] - positions[second])


def test_positions_are_those_of_the_published_code():
    from lightly.models.utils import get_2d_sine_cosine_positional_embedding

    for side, dim in ((4, 192), (14, 384)):
        theirs = get_2d_sine_cosine_positional_embedding(dim, side, cls_token=False)
        np.testing.assert_allclose(sine_positions(side, side, dim).numpy(), theirs, atol=2e-6)


# ------------------------------------------------------------------------------------------------------------------ MAE
def mae_by_hand(painted, patches, hidden, norm):
    """The mean over hidden patches of the mean squared error (He et al. 2022, section 3), in float64."""
    errors = []
    for n in range(len(painted)):
        for p in range(painted.shape[1]):
            if hidden[n, p]:
                truth = patches[n, p]
                if norm:
                    truth = (truth - truth.mean()) / math.sqrt(truth.var(ddof=1) + 1e-6)
                errors.append(((painted[n, p] - truth) ** 2).mean())
    return np.mean(errors)


@pytest.mark.parametrize("norm", [True, False])
def test_mae_loss_agrees_with_the_definition(norm):
    rng = np.random.default_rng(0)
    painted, patches, hidden = rng.normal(size=(3, 16, 12)), rng.normal(2, 3, size=(3, 16, 12)), masks(3).flatten(1)
    got = mae_loss(torch.tensor(painted).float(), torch.tensor(patches).float(), hidden, norm)
    assert float(got) == pytest.approx(mae_by_hand(painted, patches, hidden.numpy(), norm), rel=1e-5)


def test_mae_two_steps_are_those_of_float64():
    def loss_of(truth: Mae, batch):
        images, hidden = batch.views[0][0], batch.masks.flatten(1)
        vit, decoder = truth.encoder, truth.decoder
        tokens = vit.patch_embed.proj(images).flatten(2).transpose(1, 2) + vit.pos_embed[:, 1:]
        start = vit.cls_token + vit.pos_embed[:, :1]
        losses = []
        for n in range(len(images)):
            seen = ~hidden[n]
            latent = vit.norm(vit.blocks(torch.cat([start, tokens[n : n + 1, seen]], dim=1)))
            known = decoder.embed(latent)
            full = decoder.token.expand(1, 16, -1).clone()
            full[0, seen] = known[0, 1:]
            full = torch.cat([known[:, :1], full], dim=1) + decoder.positions
            painted = decoder.paint(decoder.norm(decoder.blocks(full)))[0, 1:]
            for p in hidden[n].nonzero()[:, 0].tolist():
                patch = images[n, :, 8 * (p // 4) :][:, :8, 8 * (p % 4) :][:, :, :8].permute(1, 2, 0).flatten()
                patch = (patch - patch.mean()) / (patch.var() + 1e-6).sqrt()
                losses.append(((painted[p] - patch) ** 2).mean())
        return torch.stack(losses).mean()

    check_one_step(mae_of(), batch(n=2), loss_of)


def test_mae_encoder_sees_no_hidden_patch():
    mae = mae_of()
    ours = batch()
    where = ours.masks.repeat_interleave(8, 1).repeat_interleave(8, 2)[:, None].expand_as(ours.views[0][0])
    other = ours.views[0].clone()
    other[0][where] = 9.0
    changed = ours._replace(views=[other])
    assert torch.equal(mae(ours, MOMENT).embedding, mae(changed, MOMENT).embedding)


def test_mae_trains_all_but_the_positions():
    mae = mae_of()
    mae(batch(), MOMENT).loss.backward()
    assert "encoder.pos_embed" not in {n for n, _ in mae.trained_parameters()}
    # Neither network's class token is painted from, but it is attended to.
    assert all(p.grad is not None for _, p in mae.trained_parameters())


# ------------------------------------------------------------------------------------------------------------- data2vec
def test_data2vec_loss_agrees_with_the_definition():
    """Smooth L1: x^2 / (2 beta) below beta, |x| - beta / 2 above (Baevski et al. 2022, section 3.3)."""
    rng = np.random.default_rng(0)
    guess, target = rng.normal(0, 3, size=(20, 6)), rng.normal(size=(20, 6))
    x = np.abs(guess - target)
    assert (x > 2).any() and (x < 2).any()
    expected = np.where(x < 2, x**2 / 4, x - 1).mean()
    assert float(data2vec_loss(torch.tensor(guess).float(), torch.tensor(target).float(), 2.0)) == pytest.approx(
        expected, rel=1e-5
    )


def test_target_is_the_mean_of_the_last_blocks_each_normed():
    data2vec = data2vec_of().eval()
    images = views(1, size=32)[0]
    outputs = []
    hooks = [b.register_forward_hook(lambda _, __, out: outputs.append(out)) for b in data2vec.teacher.blocks]
    with torch.no_grad():
        data2vec.teacher(images)
    for hook in hooks:
        hook.remove()
    normed = []
    for out in outputs[6:]:
        x = out.double()
        normed.append((x - x.mean(2, keepdim=True)) / (x.var(2, keepdim=True, unbiased=False) + 1e-5).sqrt())
    expected = torch.stack(normed).mean(0)[:, 1:]
    torch.testing.assert_close(teacher_target(data2vec.teacher, images, 6).double(), expected, rtol=1e-4, atol=1e-5)


def test_data2vec_two_steps_are_those_of_float64():
    data2vec = data2vec_of(drop_path=0.0, attention_drop=0.0, layer_scale=0.1)

    def loss_of(truth: Data2vec, batch):
        images, hidden = batch.views[0][0], batch.masks.flatten(1)

        def blocks(vit, patches):
            x = torch.cat([(vit.cls_token + vit.pos_embed[:, :1]).expand(len(images), -1, -1), patches], dim=1)
            for block in vit.blocks:
                x = block(x)
                yield x

        def patches(vit):
            return vit.patch_embed.proj(images).flatten(2).transpose(1, 2)

        with torch.no_grad():
            teacher = truth.teacher
            deep = list(blocks(teacher, patches(teacher) + teacher.pos_embed[:, 1:]))[6:]
            target = sum(F.layer_norm(x, x.shape[-1:]) for x in deep)[:, 1:] / 6
        student = truth.encoder
        content = torch.where(hidden[..., None], truth.token, patches(student))
        *_, last = blocks(student, content + student.pos_embed[:, 1:])
        guess = truth.guess(student.norm(last)[:, 1:])
        x = (guess - target)[hidden].abs()
        return torch.where(x < 2, x**2 / 4, x - 1).mean()

    check_one_step(data2vec, batch(n=2), loss_of)


def test_teacher_follows_in_a_straight_line_and_gets_no_gradient():
    data2vec = data2vec_of(teacher_momentum=(0.5, 0.9))
    with torch.no_grad():
        for p in data2vec.encoder.parameters():
            p.add_(1.0)
    old = {n: p.clone() for n, p in data2vec.named_parameters()}
    moment = Moment(step=6, steps_per_epoch=4, total_steps=12)
    data2vec(batch(), moment).loss.backward()
    data2vec.after_step(moment)
    for name, now in data2vec.named_parameters():
        if name.startswith("teacher."):
            assert now.grad is None and not now.requires_grad
            torch.testing.assert_close(now, 0.7 * old[name] + 0.3 * old["encoder." + name.removeprefix("teacher.")])


def test_teacher_has_no_dropout_and_the_student_has():
    data2vec = data2vec_of(drop_path=0.5, attention_drop=0.5, layer_scale=1.0).train()
    images = views(1, size=32)[0]
    with torch.no_grad():
        assert torch.equal(data2vec.teacher(images), data2vec.teacher(images))
        assert not torch.equal(data2vec.encoder(images), data2vec.encoder(images))


def test_features_handed_on_are_the_mean_of_normed_patches():
    encoder = data2vec_of().encoder.eval()
    images = views(1, size=32)[0]
    with torch.no_grad():
        tokens = encoder.norm(encoder.blocks(embed_patches(encoder, images)))
        torch.testing.assert_close(encoder(images), tokens[:, 1:].mean(1))


# ----------------------------------------------------------------------------------------------------------------- both
@pytest.mark.parametrize("make", [mae_of, data2vec_of])
def test_held_out_sites_leave_no_trace(make):
    learner = make()
    before = {n: v.clone() for n, v in learner.state_dict().items()}
    learner.recording = False
    learner(batch(), MOMENT)
    assert all(torch.equal(v, before[n]) for n, v in learner.state_dict().items())


@pytest.mark.parametrize("name", ["mae", "data2vec"])
@pytest.mark.parametrize("channels", [2, 3, 9, 12, 13])
def test_any_number_of_channels(name, channels):
    from greenup.pretrain.methods import build_learner

    names = tuple(PRODUCTS["s2_l1c"][:channels])
    model = model_of(name, "vit_tiny", channels=names, crop_px=32, **(DECODER if name == "mae" else {}))
    learner = build_learner(model, 1)
    learnt = learner(batch_of(views(1, n=2, channels=channels, size=32), masks=masks(2)), MOMENT)
    assert math.isfinite(float(learnt.loss)) and learnt.embedding.shape == (2, 192)
