"""The platform's layout on this machine: folders, config files, variables and command line.

The names and formats are those of the container's training toolkit (sagemaker-training
4.8), compared with what it makes of the same folder; the base folder stands for
``/opt/ml``.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ...tools._wheels import unpack

_HOST = "localhost"
_GROUP = "homogeneousCluster"
_INFO = 20  # the toolkit's log level
_INSTANCE_GROUP = {"instance_group_name": _GROUP, "instance_type": "local", "hosts": [_HOST]}
_RESOURCES = {
    "current_host": _HOST,
    "current_instance_type": "local",
    "current_group_name": _GROUP,
    "hosts": [_HOST],
    "instance_groups": [_INSTANCE_GROUP],
    "network_interface_name": "lo",
}


def lay_out(
    base: Path,
    source: Path,
    channels: Mapping[str, Path],
    hyperparameters: Mapping[str, Any],
    *,
    name: str,
    cpus: int,
) -> tuple[list[str], dict[str, str]]:
    """Write the platform's folders and files; return the arguments and the environment.

    Parameters
    ----------
    base : Path
        Stands for ``/opt/ml``.
    source : Path
        A source folder; it is copied to ``code``.
    channels : mapping of str to Path
        Files or folders; each appears under ``input/data``.
    hyperparameters : mapping
    name : str
    cpus : int
    """
    config, data = base / "input" / "config", base / "input" / "data"
    for folder in (config, data, base / "model", base / "output" / "data", base / "output" / "intermediate"):
        folder.mkdir(parents=True)
    shutil.copytree(source, base / "code")
    unpack(base / "code" / "wheels", base / "site-packages")
    for channel, path in channels.items():
        _link(path, data / channel)
    inputs = _input_config(channels)
    # The platform passes hyperparameters as texts; each is the JSON form of its value.
    texts = {key: json.dumps(value) for key, value in hyperparameters.items()}
    texts |= {"sagemaker_program": '"train.py"', "sagemaker_submit_directory": json.dumps(str(base / "code"))}
    for file, content in (("hyperparameters", texts), ("inputdataconfig", inputs), ("resourceconfig", _RESOURCES)):
        (config / f"{file}.json").write_text(json.dumps(content, indent=1), encoding="utf-8")
    environment = {key: value for key, value in os.environ.items() if not key.startswith("SM_")}
    environment |= sm_variables(base, channels, hyperparameters, name=name, cpus=cpus)
    environment |= {"TRAINING_JOB_NAME": name, **local_environment(base / "site-packages")}
    return command_line(hyperparameters), environment


def sm_variables(
    base: Path, channels: Iterable[str], hyperparameters: Mapping[str, Any], *, name: str, cpus: int
) -> dict[str, str]:
    """Return the ``SM_*`` variables that the platform sets for the script."""
    data = base / "input" / "data"
    folders = {channel: str(data / channel) for channel in channels}
    both = {
        "current_host": _HOST,
        "current_instance_group": _GROUP,
        "current_instance_group_hosts": [_HOST],
        "current_instance_type": "local",
        "distribution_instance_groups": [],
        "framework_module": None,
        "hosts": [_HOST],
        "input_config_dir": str(base / "input" / "config"),
        "input_data_config": _input_config(folders),
        "input_dir": str(base / "input"),
        "instance_groups": [_GROUP],
        "instance_groups_dict": {_GROUP: _INSTANCE_GROUP},
        "is_hetero": False,
        "log_level": _INFO,
        "model_dir": str(base / "model"),
        "module_dir": str(base / "code"),
        "module_name": "train",
        "network_interface_name": "lo",
        "num_cpus": cpus,
        "num_gpus": 0,
        "num_neurons": 0,
        "output_data_dir": str(base / "output" / "data"),
        "output_dir": str(base / "output"),
        "output_intermediate_dir": str(base / "output" / "intermediate"),
        "resource_config": _RESOURCES,
        "user_entry_point": "train.py",
    }
    training_env = {
        **both,
        "additional_framework_parameters": {},
        "channel_input_dirs": folders,
        "distribution_hosts": [],
        "hyperparameters": dict(hyperparameters),
        "is_master": True,
        "is_modelparallel_enabled": None,
        "is_smddpmprun_installed": False,
        "is_smddprun_installed": False,
        "job_name": name,
        "master_hostname": _HOST,
    }
    variables = {
        **both,
        "channels": sorted(folders),
        "framework_params": {},
        "hps": dict(hyperparameters),
        "training_env": training_env,
        "user_args": command_line(hyperparameters),
        **{f"channel_{channel}": folder for channel, folder in folders.items()},
        **{f"hp_{key}": value for key, value in hyperparameters.items()},
    }
    return {f"SM_{key.upper()}": _variable(value) for key, value in variables.items()}


def _input_config(channels: Iterable[str]) -> dict[str, Any]:
    how = {"TrainingInputMode": "File", "S3DistributionType": "FullyReplicated", "RecordWrapperType": "None"}
    return dict.fromkeys(channels, how)


def local_environment(site: Path) -> dict[str, str]:
    """Return what makes a process run the unpacked wheels before anything that is installed."""
    return {"PYTHONPATH": str(site), "PYTHONUNBUFFERED": "1", "BYOE_LOCAL_SITE": str(site)}


def command_line(hyperparameters: Mapping[str, Any]) -> list[str]:
    """Return the arguments that the platform gives the script."""
    arguments = []
    for key in sorted(hyperparameters):
        value = hyperparameters[key]
        if isinstance(value, Mapping):
            value = ",".join(f"{k}={v}" for k, v in sorted(value.items()))
        arguments += [f"--{key}" if len(key) > 1 else f"-{key}", "" if value is None else str(value)]
    return arguments


def _variable(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, separators=(",", ":"))


def _link(path: Path, place: Path) -> None:
    """Show a file or folder as a channel: every file under its own name, without a copy."""
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    root = path.parent if path.is_file() else path
    for file in files:
        target = place / file.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(file.resolve())
