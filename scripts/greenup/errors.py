"""The errors a user is meant to read, and the frame in which every job runs."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path


class UserError(Exception):
    """Something the user can mend: the message names file, field and value; ``mend`` says what to do.

    Jobs print it as one message without a traceback (see `job`).
    """

    def __init__(self, message: str, mend: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.mend = mend

    def __str__(self) -> str:
        return f"{self.message}\n  mend: {self.mend}" if self.mend else self.message


class PassingError(Exception):
    """A failure that may pass: tried again with a pause. ``cause`` is ``quota``, ``error``, or ``damaged``: a file
    on disk that has to be fetched again, not final but not tried twice in one job."""

    def __init__(self, message: str, cause: str = "error") -> None:
        super().__init__(message)
        self.cause = cause


@contextmanager
def job(log: str | Sequence[str] | None = None) -> Iterator[None]:
    """Run the body of a rule's entry: log to stderr and to the rule's log file, end a `UserError` in one message,
    and so a `PassingError` for which patience has ended.

    ``log`` is ``snakemake.log`` or a path. Other exceptions pass through with their traceback, which also goes to the
    log file.
    """
    path = log if isinstance(log, str) else (log[0] if log else None)
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)]
    if path:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        handlers.append(logging.FileHandler(path, mode="w"))
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S", handlers=handlers, force=True
    )
    # matplotlib's font subsetter tells every glyph at INFO.
    logging.getLogger("fontTools").setLevel(logging.WARNING)
    try:
        yield
    except UserError as error:
        logging.getLogger("greenup").error("error: %s", error)
        raise SystemExit(1) from None
    except PassingError as error:
        mend = "ask for less at once (runtime.requests), or run" if error.cause == "quota" else "run"
        told = UserError(f"{error} (tried several times)", f"{mend} again later: what is finished is kept")
        logging.getLogger("greenup").error("error: %s", told)
        raise SystemExit(1) from None
    except Exception:
        logging.getLogger("greenup").exception("this job failed")
        raise SystemExit(1) from None
    finally:
        logging.shutdown()
