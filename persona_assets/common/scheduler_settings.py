"""The settings of processors, Slurm and Kubernetes, which `settings.Settings` has beside its own."""

import pydantic


class SchedulerSettings(pydantic.BaseModel):
    """Settings of processors, Slurm and Kubernetes. Field `slurm_time` is variable `PERSONA_SLURM_TIME`, and so on."""

    workers: int | None = pydantic.Field(
        None, ge=1, description="Processes that parse or filter a day; default: PERSONA_THREADS."
    )
    # Read by `common/cpu_count.py`, before the libraries that it is for are loaded.
    threads: int | None = pydantic.Field(
        None,
        ge=1,
        description="Threads, or processes, that a step uses at a time. Default: the CPUs that the process may use, by "
        "its affinity (taskset, Slurm's --cpus-per-task) and its control group's quota (containers).",
    )
    k8s_gpu_node_selector: str = pydantic.Field(
        "", description="Kubernetes: labels of nodes with GPUs, `name=value`, separated by commas."
    )
    slurm_partition: str | None = pydantic.Field(None, description="Slurm: partition of CPU steps.")
    slurm_time: str | None = pydantic.Field(None, description="Slurm: time limit of a step.")
    slurm_mem: str | None = pydantic.Field(None, description="Slurm: memory of a step.")
    slurm_cpus: str | None = pydantic.Field(None, description="Slurm: cores of a step.")
    slurm_account: str | None = pydantic.Field(None, description="Slurm: account to charge.")
    slurm_qos: str | None = pydantic.Field(None, description="Slurm: quality of service.")
    slurm_constraint: str | None = pydantic.Field(None, description="Slurm: features a node must have.")
    slurm_extra: str | None = pydantic.Field(None, description="Slurm: more flags of sbatch, as in a shell.")
    slurm_setup: str | None = pydantic.Field(None, description="Slurm: shell lines before a step, `module load ...`.")
    slurm_shell_from_launchpad: bool = pydantic.Field(
        default=False,
        description="Slurm: let a run's config set `setup` and `extra`, which are shell: whoever can open the UI can "
        "then run anything.",
    )
    slurm_gpu_partition: str = pydantic.Field("gpu", description="Slurm: partition of GPU steps.")
    slurm_gpu_gres: str | None = pydantic.Field(None, description="Slurm: GPUs of a GPU step; `gpu:1` when unset.")
    slurm_gpu_time: str | None = pydantic.Field(None, description="Slurm: time limit of a GPU step, if another.")
    slurm_gpu_mem: str | None = pydantic.Field(None, description="Slurm: memory of a GPU step, if another.")
    slurm_gpu_cpus: str | None = pydantic.Field(None, description="Slurm: cores of a GPU step, if others.")
    slurm_gpu_account: str | None = pydantic.Field(None, description="Slurm: account of GPU steps, if another.")
    slurm_gpu_qos: str | None = pydantic.Field(None, description="Slurm: quality of service of GPU steps, if another.")
    slurm_gpu_constraint: str | None = pydantic.Field(None, description="Slurm: features of a GPU node.")
    slurm_log_dir: str | None = pydantic.Field(
        None, description="Slurm: folder of the jobs' logs, seen by every node; below DAGSTER_HOME when unset."
    )
    slurm_max_concurrent: int | None = pydantic.Field(None, ge=1, description="Slurm: most jobs of a run at a time.")
