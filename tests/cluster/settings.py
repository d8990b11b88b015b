"""slurm.conf and gres.conf of the tests' cluster."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from pathlib import Path


def settings_of(folder: Path, gpus: Mapping[str, Sequence[Path]], cpus: int, memory_mb: int) -> tuple[str, str]:
    """The texts of slurm.conf and gres.conf: nodes by name with the device files of their GPUs, all of this machine.

    Slurm knows a node by its host: here all have one host, and ports of their own.
    """
    controller, *ports = _free_ports(1 + len(gpus))
    host = socket.gethostname().split(".")[0]
    lines = {
        "ClusterName": "mini",
        "SlurmctldHost": f"{host}(127.0.0.1)",
        "SlurmctldPort": controller,
        "SlurmUser": "root",
        "SlurmdUser": "root",
        "AuthType": "auth/munge",
        "AuthInfo": f"socket={folder / 'munge.socket'}",
        "StateSaveLocation": folder / "state",
        "SlurmdSpoolDir": folder / "spool/%n",
        "SlurmctldPidFile": folder / "slurmctld.pid",
        "SlurmdPidFile": folder / "slurmd.%n.pid",
        "SlurmctldLogFile": folder / "slurmctld.log",
        "SlurmdLogFile": folder / "%n/slurmd.log",
        # A container lends no cgroups.
        "ProctrackType": "proctrack/linuxproc",
        "TaskPlugin": "task/none",
        "SwitchType": "switch/none",
        "MpiDefault": "none",
        "MailProg": "/bin/true",
        # Memory is looked at each second, and a job over its share is killed.
        "JobAcctGatherType": "jobacct_gather/linux",
        "JobAcctGatherFrequency": "task=1",
        "JobAcctGatherParams": "OverMemoryKill",
        # sacct is installed and has nobody to ask, as on many a cluster.
        "AccountingStorageType": "accounting_storage/none",
        "JobCompType": "jobcomp/filetxt",
        "JobCompLoc": folder / "completed.txt",
        "SelectType": "select/cons_tres",
        "SelectTypeParameters": "CR_CPU_Memory",
        "DefMemPerCPU": 500,
        # More processors than the machine has.
        "SlurmdParameters": "config_overrides",
        # A node whose daemon is back takes jobs again.
        "ReturnToService": 2,
        "SlurmdTimeout": 10,
        "SlurmctldTimeout": 10,
        "MinJobAge": 600,
        "KillWait": 2,
        "CompleteWait": 0,
        "SchedulerType": "sched/backfill",
        "SchedulerParameters": "sched_interval=2,bf_interval=2,sched_min_interval=0,batch_sched_delay=0",
        "GresTypes": "gpu",
    }
    text = "".join(f"{key}={value}\n" for key, value in lines.items())
    for (name, devices), port in zip(gpus.items(), ports, strict=True):
        has = f"CPUs={cpus} RealMemory={memory_mb}" + (f" Gres=gpu:{len(devices)}" if devices else "")
        text += f"NodeName={name} NodeAddr=127.0.0.1 NodeHostname={host} Port={port} {has} State=UNKNOWN\n"
    for name, default in (("cpu", "YES"), ("gpu", "NO")):
        text += f"PartitionName={name} Nodes={','.join(gpus)} Default={default} MaxTime=60 State=UP\n"
    devices = [f"NodeName={node} Name=gpu File={path}\n" for node, paths in gpus.items() for path in paths]
    return text, "".join(devices)


def _free_ports(count: int) -> list[int]:
    """Ports of the loopback that nobody listens to."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()
