"""Campaigns of seeded kills of real export jobs; by hand: ``python tests/unit/patches/killing.py --kills 1000``."""

from __future__ import annotations

import argparse
import json
import mmap
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
SCRIPTS = HERE.parents[2] / "scripts"
if __name__ == "__main__":
    sys.path[:0] = [str(SCRIPTS), str(HERE)]

import pandas as pd  # noqa: E402
from forking import ASSEMBLE, ENDED, FETCH, PHASES, SAVE, START, Flaky, export_one, missing_scene, shard_of  # noqa: E402
from greenup.files import read_table  # noqa: E402
from greenup.patches.container import ShardFile  # noqa: E402
from greenup.randomness import generator  # noqa: E402
from greenup.schemas import LEDGER  # noqa: E402

_DEADLINE_S = 60.0
_AIMS = (0.04, 0.36, 0.16, 0.12, 0.12, 0.1, 0.1)
"""How often each of `PHASES` is aimed at. A shard is fetched once, and assembled in every attempt after that."""


@dataclass
class Attempt:
    """One job: its process and where it tells that it is."""

    pid: int
    place: mmap.mmap

    def at(self) -> int:
        return self.place[0]

    def has_ended(self) -> bool:
        return self.at() == ENDED


class Server:
    """The forking process (`forking.serve`)."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.count = folder, 0
        folder.mkdir(parents=True, exist_ok=True)
        env = {**os.environ, "PYTHONPATH": f"{SCRIPTS}{os.pathsep}{HERE}", "OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "forking.py")],
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def _ask(self, order: dict) -> int:
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def start(self, root: Path, number: int, *, seed: int, fails: float, threads: int, hold_s: float) -> Attempt:
        place = self.folder / f"place{self.count}"
        self.count += 1
        place.write_bytes(bytes(len(PHASES)))
        with place.open("r+b") as handle:
            shared = mmap.mmap(handle.fileno(), len(PHASES))
        order = {"root": str(root), "number": number, "seed": seed, "fails": fails, "threads": threads}
        return Attempt(self._ask({**order, "hold_s": hold_s, "place": str(place)}), shared)

    def wait(self, attempt: Attempt) -> int:
        """The exit status, negative where a signal ended it."""
        return self._ask({"wait": attempt.pid})

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait(timeout=_DEADLINE_S)


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    server = Server(folder)
    try:
        yield server
    finally:
        server.close()


@dataclass
class Store:
    """Shards 0..``shards`` - 1 of dataset ``d`` below a folder, and what a run that nobody disturbs makes of them."""

    root: Path
    clean: Path
    shards: int = 0
    kills: Counter = field(default_factory=Counter)
    slowest_end_s: float = 0.0
    attempts: int = 0
    completed: int = 0
    lacking: int = 0

    def pixels(self, number: int, root: Path | None = None) -> Path:
        return (root or self.root) / "patches" / "d" / f"{number:04d}.h5"

    def ledger(self, number: int, root: Path | None = None) -> Path:
        return (root or self.root) / "patches" / "d" / f"{number:04d}.ledger.parquet"

    def work(self, number: int) -> Path:
        return self.root / "work" / "patches" / "d" / f"{number:04d}"

    def met(self) -> set[int]:
        """The places where a job was killed."""
        return {phase for phase, _ in self.kills}

    def add_shard(self) -> int:
        self.root.mkdir(parents=True, exist_ok=True)
        export_one(self.clean, self.shards, Flaky(self.shards, None))
        self.shards += 1
        return self.shards - 1

    def asked(self) -> list[str]:
        path = self.root / "asked.txt"
        return path.read_text().split() if path.exists() else []

    def kept(self, number: int) -> set[str]:
        """Scenes of a shard that stand whole in unfinished work or in the finished shard, with those known not to
        exist. A file under its final name that is not whole is a failure."""
        found = set()
        folder = self.work(number)
        for path in [*folder.glob("sites/[!.]*.h5"), *folder.glob("previous.h5")]:
            with ShardFile(path) as file:
                assert all(file.is_intact(i) for i in range(len(file))), f"{path} is not whole"
                found |= {file.row(i).scene_id for i in range(len(file))}
                found |= {scene for scene, *_ in json.loads(file.handle.attrs.get("missing", "[]"))}
        return found

    def check_outputs(self, number: int, *, finished: bool) -> None:
        """Outputs that are there are those of the clean run."""
        pixels, ledger = self.pixels(number), self.ledger(number)
        if finished or pixels.exists():
            assert pixels.read_bytes() == self.pixels(number, self.clean).read_bytes(), f"{pixels} is another"
        if finished or ledger.exists():
            assert pixels.exists(), "a ledger without its pixels"
            expected = read_table(self.ledger(number, self.clean), LEDGER)
            pd.testing.assert_frame_equal(read_table(ledger, LEDGER), expected)

    def check_all(self) -> None:
        """After the undisturbed runs: everything that exists is there, each image once, and nothing else is left."""
        images: Counter = Counter()
        for number in range(self.shards):
            self.check_outputs(number, finished=True)
            ledger = read_table(self.ledger(number), LEDGER)
            scenes = shard_of(number)[1]
            assert ledger["season"].tolist() == scenes["season"].tolist()
            final = ledger.set_index("status")["scene_id"].groupby(level=0).agg(list)
            assert final["no_scene"] == [missing_scene(number)], "a passing failure was recorded as final"
            assert final["masked"] == [f"k{number:03d}-2-autumn"]
            with ShardFile(self.pixels(number)) as file:
                rows = [file.row(i) for i in range(len(file))]
                assert all(file.is_intact(i) for i in range(len(file)))
                images.update((r.scene_id, r.grid.key) for r in rows)
                assert {r.scene_id for r in rows} == set(scenes["scene_id"]) - {
                    missing_scene(number),
                    f"k{number:03d}-2-autumn",
                }
        assert set(images.values()) == {1}, "an image stands in the store more than once"
        assert not list(self.root.rglob(".*")), "temporary files are left over"

    def table(self) -> str:
        """The kills by place and signal, in Markdown."""
        lines = ["| the job was | SIGKILL | SIGTERM | together |", "|---|---:|---:|---:|"]
        for phase, name in enumerate(PHASES[:ENDED]):
            hard, soft = (self.kills[phase, s] for s in (signal.SIGKILL, signal.SIGTERM))
            lines.append(f"| {name} | {hard} | {soft} | {hard + soft} |")
        hard, soft = (sum(n for (_, s), n in self.kills.items() if s == t) for t in (signal.SIGKILL, signal.SIGTERM))
        return "\n".join([*lines, f"| all | {hard} | {soft} | {hard + soft} |"])


def campaign(folder: Path, kills: int, seed: int) -> Store:
    """Kill export jobs at seeded moments until ``kills`` were killed and every place was met, looking at what is left
    after each; then let each shard be exported once undisturbed.

    A shard is exported until a job survives or six were killed; then the next begins. Of the kills a third comes after
    a time of chance, the others once the job has reached a place drawn by chance, and then a moment later.
    """
    store, rng = Store(folder / "store", folder / "clean"), generator(seed, "kills")
    with serving(folder / "server") as server:
        number, lasts_s, hits = store.add_shard(), 0.3, 0
        while sum(store.kills.values()) < kills or (len(store.met()) < ENDED and store.attempts < 3 * kills):
            store.attempts += 1
            kept, before, began = store.kept(number), len(store.asked()), time.monotonic()
            threads = int(rng.choice([1, 3]))
            attempt = server.start(
                store.root, number, seed=int(rng.integers(1 << 30)), fails=0.08, threads=threads, hold_s=0.002
            )
            number_of_signal = signal.SIGKILL if rng.random() < 0.5 else signal.SIGTERM
            if rng.random() < 1 / 3:
                until, aim = began + rng.uniform(0, lasts_s), None
            else:
                until, aim = began + _DEADLINE_S, int(rng.choice(ENDED, p=_AIMS))
                if aim in (FETCH, SAVE) and len(kept) == len(shard_of(number)[1]):
                    # All is fetched: there is no such place any more.
                    aim = ASSEMBLE
            while not attempt.has_ended() and time.monotonic() < until and attempt.at() != aim:
                time.sleep(0.0002)
            if aim is not None:
                time.sleep(rng.uniform(0, 0.03 if aim in (START, FETCH, ASSEMBLE) else 0.004))
            sent = time.monotonic()
            os.kill(attempt.pid, number_of_signal)
            status = server.wait(attempt)
            if status == -number_of_signal:
                store.kills[attempt.at(), number_of_signal] += 1
                store.slowest_end_s = max(store.slowest_end_s, time.monotonic() - sent)
            else:
                assert status in (0, 1), f"a job ended with {status}"
                lasts_s = 0.5 * (lasts_s + time.monotonic() - began)
                store.completed += status == 0
                store.lacking += status == 1
            again = kept & set(store.asked()[before:])
            assert not again, f"asked for though kept: {again}"
            assert store.kept(number) >= kept, "something that was kept is gone"
            store.check_outputs(number, finished=status == 0)
            hits += status == -number_of_signal
            if status == 0 or hits == 6:
                # Fetched only once, a shard would otherwise be killed mostly while it is assembled again.
                number, hits = store.add_shard(), 0
            elif rng.random() < 0.7:
                # What Snakemake does before a rerun and after a failure; a user's own script may not.
                store.pixels(number).unlink(missing_ok=True)
                store.ledger(number).unlink(missing_ok=True)
        finish(store, server)
    return store


def finish(store: Store, server: Server) -> None:
    """One undisturbed run of each shard, which asks for nothing that is kept and for the rest once; then check all."""
    for number in range(store.shards):
        kept, before = store.kept(number), len(store.asked())
        assert server.wait(server.start(store.root, number, seed=0, fails=0.0, threads=1, hold_s=0.0)) == 0
        assert Counter(store.asked()[before:]) == Counter(set(shard_of(number)[1]["scene_id"]) - kept)
    store.check_all()


def writers(folder: Path, rounds: int, seed: int, count: int = 3) -> Store:
    """``count`` jobs at once on one shard, some of them killed, round after round; each round on a shard of its own."""
    store, rng = Store(folder / "store", folder / "clean"), generator(seed, "writers")
    with serving(folder / "server") as server:
        for _ in range(rounds):
            number = store.add_shard()
            attempts = [
                server.start(store.root, number, seed=int(rng.integers(1 << 30)), fails=0.03, threads=2, hold_s=0.002)
                for _ in range(count)
            ]
            sent: dict[int, signal.Signals] = {}
            doomed = rng.choice(count, int(rng.integers(1, count)), replace=False)
            for at in doomed:
                time.sleep(rng.uniform(0, 0.4))
                if not attempts[at].has_ended():
                    number_of_signal = signal.SIGKILL if rng.random() < 0.5 else signal.SIGTERM
                    os.kill(attempts[at].pid, number_of_signal)
                    sent[at] = number_of_signal
            statuses = [server.wait(a) for a in attempts]
            assert all(status in (0, 1, -signal.SIGKILL, -signal.SIGTERM) for status in statuses), statuses
            store.kills.update((attempts[at].at(), s) for at, s in sent.items() if statuses[at] == -s)
            store.completed += statuses.count(0)
            store.lacking += statuses.count(1)
            store.check_outputs(number, finished=0 in statuses)
        finish(store, server)
    return store


def told(store: Store, seed: int) -> str:
    return (
        f"seed {seed}: {sum(store.kills.values())} kills, {store.shards} shards, {store.completed} jobs completed, "
        f"{store.lacking} ended for lack of images; slowest end {1000 * store.slowest_end_s:.0f} ms\n\n{store.table()}"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=0, help="also so many rounds of three writers at once")
    parser.add_argument("--seed", type=int, default=5)
    args = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        print(told(campaign(Path(scratch) / "kills", args.kills, args.seed), args.seed))
        if args.rounds:
            print(told(writers(Path(scratch) / "writers", args.rounds, args.seed), args.seed))
    print(f"\n{time.monotonic() - began:.0f} s")
