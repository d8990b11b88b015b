"""What only a GPU shows: skipped, and said so, where there is none."""

import pytest
import torch

if not torch.cuda.is_available():
    pytest.skip("no GPU here: batch norms across GPUs and bfloat16 training are not tested", allow_module_level=True)

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "unit/pretrain"))

import numpy as np
import pandas as pd
import torch.distributed as dist
from fakes import METHODS, FakeStore, tiny_model, write_statistics
from greenup.config import Runtime
from greenup.pretrain.distributed import GpuSyncBatchNorm, alone, synchronise_batch_norms
from greenup.pretrain.run import pretrain_model
from small import SmallNetwork


@pytest.mark.parametrize("name", METHODS)
def test_bfloat16_training_stays_finite_and_is_measured(tmp_path, name):
    FakeStore().index.to_parquet(tmp_path / "index.parquet")
    pretrain_model(
        "m",
        tiny_model(name=name, epochs=6, precision="bfloat16", probe_epochs=3),
        index=tmp_path / "index.parquet",
        statistics=write_statistics(tmp_path / "statistics.json", FakeStore()),
        seed=5,
        threads=4,
        runtime=Runtime(accelerator="gpu", workers=2),
        work=tmp_path / "work",
        out=tmp_path / "out",
        open_store=FakeStore(),
    )
    curves = pd.read_csv(tmp_path / "out" / "curves.csv")
    assert np.isfinite(curves[["loss", "held_out_loss", "samples_per_second"]]).all(axis=None)
    assert curves["wait_share"].between(0, 1).all()


def test_batch_norms_of_one_gpu_are_ordinary_ones_and_convert():
    plain, ours = SmallNetwork().cuda(), synchronise_batch_norms(SmallNetwork(), gpu=True).cuda()
    assert sum(isinstance(m, GpuSyncBatchNorm) for m in ours.modules()) == 2
    x = torch.randn(4, 3, 16, 16, device="cuda")
    torch.testing.assert_close(plain(x), ours(x))
    assert all(torch.equal(v, ours.state_dict()[k]) for k, v in plain.state_dict().items())


def _two_gpus(rank: int, port: int) -> None:
    torch.cuda.set_device(rank)
    dist.init_process_group("nccl", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
    x = torch.randn(8, 3, 16, 16, generator=torch.Generator().manual_seed(0)).cuda()
    whole, ours = SmallNetwork().cuda(), synchronise_batch_norms(SmallNetwork(), gpu=True).cuda()
    expected, got = whole(x)[4 * rank :][:4], ours(x[4 * rank :][:4])
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-4)
    with alone():
        torch.testing.assert_close(ours(x), whole(x), rtol=1e-4, atol=1e-4)
    dist.destroy_process_group()


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="one GPU here: two are needed for batch norm across GPUs")
def test_batch_norm_over_two_gpus_is_that_of_the_whole_batch():
    torch.multiprocessing.spawn(_two_gpus, (29_655,), nprocs=2)
