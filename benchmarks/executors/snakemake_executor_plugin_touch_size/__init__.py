"""Executor plugin whose jobs only write their outputs, one byte each: what is left is Snakemake's own work.

Found by Snakemake when `benchmarks/executors` is on PYTHONPATH, and named by `--executor touch-size`. Real are the
graph of jobs, the scheduler, the preparation of every job, the command line that a cluster's executor would submit, the
markers of jobs that have begun, the check of outputs, and the metadata. Not real: a job starts no process, waits in no
queue, and takes no time. Local rules too are only written.
"""

import json
import os
import shlex
import signal
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue

from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo
from snakemake_interface_executor_plugins.executors.real import RealExecutor
from snakemake_interface_executor_plugins.jobs import JobExecutorInterface
from snakemake_interface_executor_plugins.settings import CommonSettings, ExecMode, ExecutorSettingsBase

common_settings = CommonSettings(
    non_local_exec=False,
    implies_no_shared_fs=False,
    job_deploy_sources=False,
    pass_envvar_declarations_to_cmd=False,
    auto_deploy_default_storage_provider=False,
)


@dataclass
class ExecutorSettings(ExecutorSettingsBase):
    """Options of the command line, each with `--touch-size-` before it."""

    # Snakemake reads these annotations to parse options, and knows no `|` in them.
    journal: Path = field(
        default=None,
        metadata={"help": "File that gets a line of JSON a job as it is handed over: times, rule, outputs, command."},
    )
    stop_after: int = field(
        default=None, metadata={"help": "Jobs after which this process interrupts itself, as Ctrl-C does."}
    )


class Executor(RealExecutor):
    """Writes the outputs of jobs from one thread beside the scheduler, in the order in which they are handed over."""

    def __post_init__(self) -> None:
        self._queue: SimpleQueue[SubmittedJobInfo | None] = SimpleQueue()
        self._handed_over = 0
        path = self.executor_settings.journal
        self._journal = path.open("a", encoding="utf-8") if path is not None else None
        if self.executor_settings.stop_after is not None:
            # What a shell starts in the background ignores Ctrl-C.
            signal.signal(signal.SIGINT, signal.default_int_handler)
        threading.Thread(target=self._work, daemon=True).start()

    def run_job(self, job: JobExecutorInterface) -> None:
        command = self.format_job_exec(job)
        if self._journal is not None:
            line = {"time": time.time(), "cpu": time.process_time(), "rule": job.name, "outputs": list(job.output)}
            print(json.dumps({**line, "command": command}), file=self._journal, flush=True)
        info = SubmittedJobInfo(job=job)
        self.report_job_submission(info)
        self._queue.put(info)
        self._handed_over += 1
        if self._handed_over == self.executor_settings.stop_after:
            os.kill(os.getpid(), signal.SIGINT)

    def _work(self) -> None:
        while (info := self._queue.get()) is not None:
            try:
                for path in (*info.job.output, *info.job.log, *([info.job.benchmark] if info.job.benchmark else [])):
                    Path(path).parent.mkdir(parents=True, exist_ok=True)
                    Path(path).write_bytes(b"\n")
            except OSError as error:
                self.report_job_error(info, msg=str(error))
            else:
                self.report_job_success(info)

    def cancel(self) -> None:
        # What was handed over and not written yet stays unwritten, as a cancelled job of a cluster does.
        while not self._queue.empty():
            self._queue.get()
        self.shutdown()

    def shutdown(self) -> None:
        self._queue.put(None)

    def get_exec_mode(self) -> ExecMode:
        return ExecMode.REMOTE

    def get_python_executable(self) -> str:
        return shlex.quote(sys.executable)

    @property
    def cores(self) -> int:
        return self.workflow.resource_settings.cores
