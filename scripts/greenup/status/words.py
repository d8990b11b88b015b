"""The status of a study as text: per stage what is done and, of the rest, what is missing or outdated and why."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from greenup.status.planned import Planned
from greenup.status.traces import failure, kept_images, kept_work

_NAMES = 6
_LINES = 12
_WIDTH = 10
_ORDER = ("under", "failed", "begun", "missing", "outdated", "not")


def status_text(jobs: Sequence[Planned], root: str | Path, stages: Iterable[str], *, locked: bool) -> str:
    """The status of the study at ``root`` (results/<study>), given its jobs in any order.

    ``locked``: whether another Snakemake holds its files. A stage without jobs is left out.
    """
    due = [job for job in jobs if job.is_due]
    lines = [f"{root}: {len(due)} of {len(jobs)} jobs to do" if due else f"{root}: all {len(jobs)} jobs are done"]
    if locked:
        lines.append("another Snakemake is at work here, or was killed (then: snakemake --unlock)")
    for stage in dict.fromkeys([*stages, *sorted({job.stage for job in jobs})]):
        own = [job for job in jobs if job.stage == stage]
        if own:
            done = sum(not job.is_due for job in own)
            lines.append(f"{stage:<{_WIDTH}} {'all ' if done == len(own) else f'{done} of '}{len(own)} done")
            told = [*_told(own, jobs, root, locked=locked)]
            if len(told) > _LINES:
                told = [*told[:_LINES], f"and {len(told) - _LINES} more reasons"]
            lines += [f"{'':<{_WIDTH}} {line}" for line in told]
    return "\n".join(lines)


def _told(own: Sequence[Planned], jobs: Sequence[Planned], root: str | Path, *, locked: bool) -> Iterable[str]:
    """Lines on the jobs of one stage that are not done, one a reason: what is under way, failed, missing, outdated."""
    # What stands before the names of the jobs, and behind them.
    groups: dict[tuple[str, str], list[Planned]] = defaultdict(list)
    following: Counter[str] = Counter()
    for job in own:
        if not job.is_due and job.missing:
            groups["not there and not needed, since what is made of it is there", ""].append(job)
        elif job.missing:
            groups[_why_missing(job, root, locked=locked)].append(job)
        elif job.causes:
            groups[f"outdated ({'; '.join(job.causes)})", ""].append(job)
        elif job.is_due:
            following[job.rule] += 1
    for (what, error), members in sorted(groups.items(), key=lambda g: _ORDER.index(g[0][0].split()[0])):
        yield f"{what}: {_subjects(members)}{error}{_work(members, root)}{_after(members, jobs)}"
    if following:
        yield f"again, after what they are made of: {_counted(following)}"


def _why_missing(job: Planned, root: str | Path, *, locked: bool) -> tuple[str, str]:
    there = len(job.outputs) - len(job.missing)
    some = f" but for {there} of its {len(job.outputs)} files" if there else ""
    if job.has_begun and locked:
        return "under way", ""
    if (error := failure(job.log)) is not None:
        return "failed", f": {error} ({job.log})"
    kept = kept_work(job.rule, job.wildcards, root, job.log)
    return f"{'begun and not ended' if job.has_begun else 'missing'}{some}{f' ({kept})' if kept else ''}", ""


def _work(jobs: Sequence[Planned], root: str | Path) -> str:
    """What `export_patches` has kept of shards that are missing."""
    shards = [job for job in jobs if job.rule == "export_patches" and job.missing]
    counts = [kept_images(root, j.wildcards["dataset"], j.wildcards["shard"], j.log) for j in shards]
    sites, images, wanted = (sum(c[i] for c in counts) for i in range(3))
    if not sites:
        return ""
    told = f", by the logs {images} of {wanted} images" if wanted else ""
    return f"; unfinished work of {_count(sites, 'site')} is kept{told}"


def _after(members: Sequence[Planned], jobs: Sequence[Planned]) -> str:
    """How many jobs come again after these, where these have been done before: each is counted once."""
    if all(job.missing for job in members):
        return ""
    waiting = [i for job in members for i in job.after]
    seen: set[int] = set()
    while waiting:
        i = waiting.pop()
        if i not in seen and jobs[i].is_due:
            seen.add(i)
            waiting += jobs[i].after
    return (
        f"; then {_count(len(seen), 'job')} after that: {_counted(Counter(jobs[i].rule for i in seen))}" if seen else ""
    )


def _subjects(jobs: Sequence[Planned]) -> str:
    """Rules and what their jobs are about: ``export_patches seco (2 shards: 0000, 0003); fig1; label_task biomes``."""
    rules: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for job in jobs:
        words = dict(job.wildcards)
        shard = [words.pop("shard")] if "shard" in words else []
        rules[job.rule]["/".join(words.values())] += shard
    told = []
    for rule, names in rules.items():
        about = [
            f"{name} ({_count(len(shards), 'shard')}: {_some(sorted(shards))})" if shards else name
            for name, shards in names.items()
        ]
        told.append(f"{rule} {_some(about)}".rstrip())
    return "; ".join(told)


def _counted(rules: Counter[str]) -> str:
    return _some([f"{rule} {count}" if count > 1 else rule for rule, count in rules.most_common()])


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
    return ", ".join(names[:_NAMES]) + more


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
