"""What one task of a batch takes of the machines of a cluster."""

from vidlab.schema import Params, tunable

ADDRESS = r"^(auto|(ray://)?[\w.:\[\]-]+:\d{1,5})?$"


class ClusterParams(Params):
    """What a task takes of the machines, with the engines ray and slurm."""

    cpus_per_task: int = tunable(
        1,
        "Cores that are kept for one task; --threads-per-task says how many it uses.",
        unit="cores",
        ge=1,
        le=1024,
    )
    gpus_per_task: float = tunable(
        0.0,
        "GPUs that are kept for one task; with ray 0.25 puts four tasks on a GPU, slurm has whole ones only.",
        unit="GPUs", ge=0, le=64,
    )  # fmt: skip
    memory_per_task: float = tunable(
        0.0, "Memory that is kept for one task; 0 leaves it to the cluster.", unit="GB", ge=0
    )
    ray_address: str = tunable(
        "",
        "Ray cluster to use, host:port, or auto for the one that runs here; without it that of RAY_ADDRESS, "
        "else one that is started on this machine and goes with the batch.",
        pattern=ADDRESS,
    )
    tasks_per_index: int = tunable(
        1,
        "Tasks that one index of a slurm array does in turn; more where there would be over 1,000 indices.",
        unit="tasks", ge=1, le=1000000,
    )  # fmt: skip
