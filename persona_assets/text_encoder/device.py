"""Choose where a model runs, and in which precision: once, before any work, and never in silence."""

import gc
import platform
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from persona_assets.errors import DeviceError

Kind = Literal["cpu", "cuda", "mps"]
Precision = Literal["float32", "bfloat16"]


DeviceChoice = Literal["auto", "cpu", "cuda", "mps"]
PrecisionChoice = Literal["auto", "float32", "bfloat16"]


@dataclass(frozen=True)
class Device:
    """The device that a model runs on: CPU or GPUs, with the name and number of them."""

    kind: Kind
    name: str
    count: int = 1  # of GPUs, all of which are used

    def describe(self) -> str:
        """Return number and name of the device: "2 x NVIDIA H100"."""
        return f"{self.count} x {self.name}"

    def torch_names(self) -> list[str]:
        """Return the name of each device in torch: ["cpu"], or ["cuda:0", "cuda:1"]."""
        return [f"cuda:{number}" for number in range(self.count)] if self.kind == "cuda" else [self.kind]


def choose_device(requested: DeviceChoice) -> Device:
    """Return the requested device, or raise `DeviceError`; "auto" is the GPUs if there are any, else the CPU.

    Raises:
        DeviceError: A GPU was asked for by name and there is none that torch can use.
    """
    import torch  # noqa: PLC0415 - 2 s, 250 MB

    there: dict[Kind, bool] = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    kinds: list[Kind] = [kind for kind, is_there in there.items() if is_there and requested in ("auto", kind)]
    if not kinds:
        raise DeviceError(
            f"device={requested!r}: torch {torch.__version__} finds no such device here. Set PERSONA_DEVICE=auto to "
            "use what there is, or install a torch built for the device and look at its driver"
        )
    if kinds[0] == "cuda":
        return Device("cuda", torch.cuda.get_device_name(), torch.cuda.device_count())
    return Device(kinds[0], _processor())


def choose_precision(requested: PrecisionChoice, device: Device) -> Precision:
    """Return the requested precision; "auto" is bfloat16 if the device computes it fast, else float32.

    Fast are NVIDIA GPUs from Ampere on, and CPUs with AMX or AVX512-BF16: these multiply it 2 to 4 times as fast as
    float32, and the vectors' cosine to those of float32 stays above 0.999.
    """
    if requested != "auto":
        return requested
    import torch  # noqa: PLC0415 - 2 s, 250 MB

    if device.kind == "cuda":
        fast = torch.cuda.get_device_capability() >= (8, 0)
    else:
        avx = torch.cpu._is_avx512_bf16_supported()  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
        fast = device.kind == "cpu" and (has_amx() or avx)
    return "bfloat16" if fast else "float32"


def has_amx() -> bool:
    """Return whether the processor multiplies matrices of bfloat16 by AMX."""
    import torch  # noqa: PLC0415 - 2 s, 250 MB

    # Not public, yet in older versions than torch.cpu.get_capabilities(), which is.
    return torch.cpu._is_amx_tile_supported()  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]


def release_unused_gpu_memory(device: Device) -> None:
    """Free GPU memory that torch has reserved and does not use, for other processes."""
    import torch  # noqa: PLC0415 - loaded with the model

    if device.kind == "cuda":
        gc.collect()  # networks refer to themselves
        torch.cuda.empty_cache()


@contextmanager
def single_threaded_torch() -> Generator[None]:
    """Let torch use one CPU thread in the calling thread, and as many as before afterwards.

    For short texts. A layer of 2,000 tokens takes a millisecond, at whose end threads wait for each other in a loop. On
    two cores with two other busy processes, a phrase of five tokens took 3.1 to 4.6 ms of CPU on two threads and 1.1
    on one. GPUs are not affected.
    """
    import torch  # noqa: PLC0415 - loaded with the model

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _processor() -> str:
    """Return the processor's name; Linux tells it in a file only."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line for line in cpuinfo.read_text(encoding="utf-8").splitlines() if line.startswith("model name")]
        if names:
            return names[0].partition(":")[2].strip()
    return platform.processor() or platform.machine()
