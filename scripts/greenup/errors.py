"""The errors a user is meant to read, and the frame in which every job runs."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from greenup.redact import redact


class UserError(Exception):
    """Something the user can mend: the message names file, field and value; ``mend`` says what to do.

    Jobs print it as one message without a traceback (see `job`). Credentials in either text are hidden.
    """

    def __init__(self, message: str, mend: str = "") -> None:
        self.message = redact(message)
        self.mend = redact(mend)
        super().__init__(self.message)

    def __str__(self) -> str:
        return f"{self.message}\n  mend: {self.mend}" if self.mend else self.message


class PassingError(Exception):
    """A failure that may pass: tried again with a pause. ``cause`` is ``quota``, ``error``, or ``damaged``: a file
    on disk that has to be fetched again, not final but not tried twice in one job. Credentials in the message are
    hidden."""

    def __init__(self, message: str, cause: str = "error") -> None:
        super().__init__(redact(message))
        self.cause = cause


class RedactingFormatter(logging.Formatter):
    """Lines of a log without credentials, tracebacks included."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


@contextmanager
def job(log: str | Sequence[str] | None = None) -> Iterator[None]:
    """Run the body of a rule's entry: log to stderr and to the rule's log file, end a `UserError` in one message,
    and so a `PassingError` for which patience has ended.

    ``log`` is ``snakemake.log`` or a path. Other exceptions end with their traceback in both. Credentials are hidden in
    all that is logged, in tracebacks and warnings too.
    """
    path = log if isinstance(log, str) else (log[0] if log else None)
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)]
    if path:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        handlers.append(logging.FileHandler(path, mode="w"))
    for handler in handlers:
        handler.setFormatter(RedactingFormatter("%(asctime)s %(message)s", datefmt="%H:%M:%S"))
    logging.basicConfig(level=logging.INFO, handlers=handlers, force=True)
    # Written to stderr by themselves, warnings would pass by the formatter, with the links that they name.
    logging.captureWarnings(True)
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
        logging.captureWarnings(False)
        logging.shutdown()
