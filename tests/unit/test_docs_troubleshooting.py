"""Every message that docs/troubleshooting.md explains is one that the code prints."""

import ast
import importlib.util
import re
import shutil
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/troubleshooting.md").read_text(encoding="utf-8")
HEADINGS = re.findall(r"^### (.*)$", PAGE, re.M)
FIELD = "\0"
_PLUGIN = "_executor_plugin_slurm"


def texts(tree: ast.AST) -> list[str]:
    """The texts of a file, `FIELD` for what is filled in; a chain of + as one."""

    def text(node: ast.AST) -> str:
        match node:
            case ast.Constant(value=str(value)):
                return re.sub(r"%[sdr]|\{\w*\}", FIELD, value)
            case ast.JoinedStr(values=values):
                return "".join(v.value if isinstance(v, ast.Constant) else FIELD for v in values)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return text(left) + text(right)
        return FIELD

    wanted = (ast.Constant, ast.JoinedStr, ast.BinOp)
    return [found for node in ast.walk(tree) if isinstance(node, wanted) and len(found := text(node)) > 5]


@cache
def printed() -> tuple[str, ...]:
    """Texts of greenup, of Snakemake and of its plugin for Slurm."""
    snakemake, plugin = (Path(importlib.util.find_spec(f"snakemake{p}").origin).parent for p in ("", _PLUGIN))
    files = [
        *(ROOT / "scripts").rglob("*.py"),
        *plugin.glob("*.py"),
        snakemake / "exceptions.py",
        snakemake / "jobs.py",
    ]
    files += [*snakemake.glob("deployment/*.py"), *snakemake.glob("executors/*.py"), snakemake / "io/__init__.py"]
    # Rules are no Python as a whole; their texts are.
    rules = [re.findall(r"\"([^\"\n]{12,})\"", p.read_text()) for p in (ROOT / "Snakefile", *ROOT.glob("rules/*.smk"))]
    return tuple(t for p in files for t in texts(ast.parse(p.read_text()))) + tuple(t for r in rules for t in r)


def is_in(message: str, text: str) -> bool:
    """Whether the pieces between the dots follow one another in a text."""
    at = 0
    for piece in message.split("…"):
        if (at := text.find(piece, at)) < 0:
            return False
        at += len(piece)
    return True


SLURM = [h.strip("`") for h in re.findall(r"^### (.*)$", PAGE.partition("\n## Slurm")[2], re.M)]


@pytest.mark.parametrize("heading", HEADINGS)
def test_the_message_is_printed_by_the_code(heading):
    message = re.fullmatch(r"`([^`]+)`", heading)[1]
    assert max(map(len, message.split("…"))) >= 10, "too little to look for"
    found = [t for t in printed() if is_in(message, t)]
    if not found and message in SLURM:
        return pytest.skip("Slurm is not installed") if not shutil.which("sbatch") else slurm_prints(message)
    assert found, f"no code prints {message!r}"


def slurm_prints(message: str) -> None:
    folders = [Path("/usr/lib/x86_64-linux-gnu/slurm-wlm"), Path("/usr/lib64/slurm"), Path("/usr/lib/slurm")]
    files = [p for folder in folders if folder.is_dir() for p in folder.rglob("libslurm*.so*")]
    files += [Path(p) for name in ("slurmstepd", "sbatch", "sacct") if (p := shutil.which(name))]
    assert any(message.encode() in p.read_bytes() for p in files if p.is_file()), f"Slurm does not print {message!r}"


def test_a_message_of_nobody_is_noticed():
    assert not [t for t in printed() if is_in("the … is made of green cheese", t)]


def test_each_message_stands_once_and_is_explained():
    assert len(set(HEADINGS)) == len(HEADINGS) > 30
    for heading in HEADINGS:
        after = PAGE.split(f"### {heading}\n", 1)[1].split("\n#", 1)[0].strip()
        assert len(after.split()) >= 8, heading
