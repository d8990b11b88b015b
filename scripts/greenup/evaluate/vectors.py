"""The table of embeddings as a file: written in pieces as vectors come, read as one array.

Tens of thousands of vectors of 2 048 numbers as a column of Python lists take several times the memory of the numbers
themselves; here neither side ever holds more than the numbers.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from greenup.errors import UserError
from greenup.files import atomic_path, read_json
from greenup.schemas import EMBEDDINGS

_META = b"greenup"
_PIECE_BYTES = 32 * 2**20


@dataclass(frozen=True)
class Vectors:
    """An `embeddings` table as arrays.

    ``site_ids`` and ``seasons`` (N,): texts; ``values`` (N, D): float32; ``about``: what the file says of itself
    (simulated, attribution, weights_checksum where a network made it); ``where``: what errors call it.
    """

    site_ids: np.ndarray
    seasons: np.ndarray
    values: np.ndarray
    about: dict[str, Any] = field(default_factory=dict)
    where: str = "embeddings"

    @classmethod
    def of_table(cls, table: pd.DataFrame) -> Vectors:
        """Of a table in memory. Raises `UserError` for vectors of different lengths."""
        if len({len(v) for v in table["embedding"]}) != 1:
            raise _uneven("embeddings")
        ids, seasons = (table[c].astype(object).to_numpy() for c in ("site_id", "season"))
        return cls(ids, seasons, np.stack(table["embedding"].to_list()).astype("float32", copy=False), table.attrs)

    def of_images(self, images: pd.DataFrame, what: str = "labelled images") -> np.ndarray:
        """Vectors (M, D) of ``images`` (columns site_id and season), in their order; not copied where it is this one.

        Raises `UserError` naming the image where one stands twice in the file, where one of ``images`` has no vector,
        and where its vector is not finite.
        """
        keys = pd.MultiIndex.from_arrays([self.site_ids.astype(str), self.seasons.astype(str)])
        if (twice := keys.duplicated()).any():
            site, season = keys[int(twice.argmax())]
            raise UserError(f"{self.where}: site {site}, season {season!r} stands twice", "delete it and run again")
        wanted = pd.MultiIndex.from_arrays([images[c].astype(object).astype(str) for c in ("site_id", "season")])
        rows = keys.get_indexer(wanted)
        if (lost := rows < 0).any():
            first = wanted[int(lost.argmax())][0]
            raise UserError(
                f"{self.where}: {int(lost.sum())} of {len(rows)} {what} have none, e.g. {first}",
                "delete it and run again",
            )
        values = self.values if np.array_equal(rows, np.arange(len(keys))) else self.values[rows]
        # Row by row: a mask of all numbers would be a quarter of them.
        bad = np.fromiter((not np.isfinite(v).all() for v in values), bool, len(values))
        if bad.any():
            raise UserError(
                f"{self.where}: the vector of {wanted[int(bad.argmax())][0]} is not finite ({int(bad.sum())} such)",
                "check the model's training curve, delete the file and run again",
            )
        return values


def write_vectors(
    path: str | Path,
    ids: Iterable[str],
    seasons: Iterable[str],
    parts: Iterable[np.ndarray],
    *,
    simulated: bool,
    attribution: str,
    **extra: Any,
) -> int:
    """Write an `embeddings` table, whole or not at all, and return its number of rows.

    ``parts``: arrays (n, D), float32, of consecutive rows, of any n. ``extra`` is kept in the file's metadata. Raises
    ValueError when there are not as many vectors as ids, and `UserError` for an id and season that stand twice.
    """
    ids, seasons = [str(i) for i in ids], [str(s) for s in seasons]
    seen: set[tuple[str, str]] = set()
    for key in zip(ids, seasons, strict=True):
        if key in seen:
            raise UserError(f"{path}: site_id + season {', '.join(key)} stands twice", "make it unique")
        seen.add(key)
    meta = {"schema": EMBEDDINGS.name, "simulated": simulated, "attribution": attribution, **extra}
    done, writer = 0, None
    with atomic_path(path) as temporary:
        try:
            for piece in _pieces(parts):
                if writer is None:
                    schema = pa.schema(
                        [
                            ("site_id", pa.string()),
                            ("season", pa.string()),
                            ("embedding", pa.list_(pa.float32(), piece.shape[1])),
                        ],
                        metadata={_META: json.dumps(meta).encode()},
                    )
                    # Numbers hardly repeat: zstd alone saves nothing, their bytes apart from one another do.
                    writer = pq.ParquetWriter(
                        temporary,
                        schema,
                        compression="zstd",
                        use_dictionary=False,
                        use_byte_stream_split=["embedding.list.element"],
                    )
                rows = slice(done, done + len(piece))
                values = pa.FixedSizeListArray.from_arrays(pa.array(piece.reshape(-1)), piece.shape[1])
                table = pa.Table.from_arrays([pa.array(ids[rows]), pa.array(seasons[rows]), values], schema=schema)
                writer.write_table(table, row_group_size=len(piece))
                done += len(piece)
        finally:
            if writer is not None:
                writer.close()
        if done != len(ids) or writer is None:
            raise ValueError(f"{done} vectors for {len(ids)} images")
    return done


def read_vectors(path: str | Path) -> Vectors:
    """An embeddings file; every vector is float32 and as long as the others.

    Reads row group by row group into one array: at its peak little more than N x D x 4 bytes. Raises `UserError` when
    the file is missing, damaged, of another schema, or when a vector is missing or of another length than the first.
    """
    path = Path(path)
    try:
        with pq.ParquetFile(path) as file:
            meta = json.loads((file.schema_arrow.metadata or {}).get(_META, b"{}"))
            if meta.get("schema") not in (EMBEDDINGS.name, None):
                raise UserError(f"{path}: holds {meta['schema']!r}, not embeddings", "check which file is given")
            if lacking := [c.name for c in EMBEDDINGS.columns if c.name not in file.schema_arrow.names]:
                raise UserError(f"{path}: column {lacking[0]!r} is missing", f"embeddings have {EMBEDDINGS.header()}")
            rows, vectors, names = file.metadata.num_rows, None, ([], [])
            done = 0
            for batch in file.iter_batches(batch_size=8192, columns=[c.name for c in EMBEDDINGS.columns]):
                values = _matrix(batch["embedding"], path)
                if vectors is None:
                    vectors = np.empty((rows, values.shape[1]), np.float32)
                if values.shape[1] != vectors.shape[1]:
                    raise _uneven(path)
                vectors[done : done + len(values)] = values
                done += len(values)
                for texts, column in zip(names, ("site_id", "season"), strict=True):
                    texts.extend(batch[column].to_pylist())
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file", "make it by running the workflow, or mend the path") from error
    except (pa.ArrowInvalid, OSError) as error:
        raise UserError(f"{path}: damaged or not Parquet ({error})", "delete it and run again") from error
    if vectors is None:
        raise UserError(f"{path}: the embeddings table has no rows", "look at the stage that made it")
    ids, seasons = (np.array(texts, dtype=object) for texts in names)
    return Vectors(ids, seasons, vectors, meta, str(path))


def check_weights(about: Mapping[str, Any], model_config: str | Path, where: str | Path) -> None:
    """Refuse (`UserError`) embeddings that other weights have made than those of the model's config.json.

    ``about``: what the embeddings' file says of itself; one that says nothing of weights is from elsewhere, and taken
    as it is. ``where``: what the error calls it.
    """
    made_by, now = about.get("weights_checksum"), read_json(model_config).get("weights_checksum")
    if made_by is not None and made_by != now:
        raise UserError(
            f"{where}: made by weights {made_by[:12]}, but {model_config} is of weights {str(now)[:12]}",
            "delete the embeddings and run again, or put back the model that they are of",
        )


def _pieces(parts: Iterable[np.ndarray]) -> Iterable[np.ndarray]:
    """The same rows in pieces of about `_PIECE_BYTES`, contiguous float32."""
    held, size = [], 0
    for part in parts:
        held.append(np.ascontiguousarray(part, dtype=np.float32))
        size += held[-1].nbytes
        if size >= _PIECE_BYTES:
            yield np.concatenate(held)
            held, size = [], 0
    if held:
        yield np.concatenate(held)


def _matrix(column: pa.Array, path: Path) -> np.ndarray:
    """Lists of numbers as (n, D), float32."""
    if column.null_count:
        raise UserError(f"{path}: a vector is missing", "delete it and run again")
    flat = column.flatten()
    width = len(flat) // max(len(column), 1)
    if not pa.types.is_fixed_size_list(column.type):
        lengths = np.diff(column.offsets.to_numpy())
        if (lengths != width).any():
            raise _uneven(path)
    if not pa.types.is_floating(flat.type) or not width:
        raise UserError(f"{path}: column 'embedding' holds {flat.type}, not numbers", "delete it and run again")
    return flat.to_numpy(zero_copy_only=False).astype(np.float32, copy=False).reshape(len(column), width)


def _uneven(where: str | Path) -> UserError:
    return UserError(f"{where}: vectors of different lengths", "delete it and run again")
