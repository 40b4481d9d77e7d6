"""Where a model runs is chosen once, and said."""

import pytest
import torch

from persona_assets.errors import DeviceError
from persona_assets.text_encoder.device import (
    Device,
    choose_device,
    choose_precision,
    release_unused_gpu_memory,
    single_threaded_torch,
)

CPU = Device("cpu", "a processor")


def test_auto_is_the_gpu_if_there_is_one(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "NVIDIA Something")

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)

    assert choose_device("auto") == Device("cuda", "NVIDIA Something", 2)
    assert choose_device("auto").torch_names() == ["cuda:0", "cuda:1"]
    assert choose_device("cpu").kind == "cpu"


def test_the_cpu_has_a_name():
    device = choose_device("cpu")

    assert device.kind == "cpu"
    assert device.name
    assert device.torch_names() == ["cpu"]


def test_a_gpu_that_is_not_there_is_an_error_and_no_silent_run_on_the_cpu(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)

    with pytest.raises(DeviceError, match="PERSONA_DEVICE=auto"):
        choose_device("cuda")


@pytest.mark.parametrize(("capability", "precision"), [((9, 0), "bfloat16"), ((7, 5), "float32")])
def test_auto_precision_on_a_gpu_follows_its_generation(monkeypatch, capability, precision):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: capability)

    assert choose_precision("auto", Device("cuda", "a GPU")) == precision


@pytest.mark.parametrize(
    ("amx", "avx", "precision"), [(True, True, "bfloat16"), (False, True, "bfloat16"), (False, False, "float32")]
)
def test_auto_precision_on_a_processor_follows_its_instructions(monkeypatch, amx, avx, precision):
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx)

    assert choose_precision("auto", CPU) == precision


def test_a_precision_asked_for_is_used():
    assert choose_precision("bfloat16", CPU) == "bfloat16"
    assert choose_precision("float32", CPU) == "float32"


def test_memory_is_released_where_there_is_a_gpu(monkeypatch):
    released = []
    monkeypatch.setattr("torch.cuda.empty_cache", lambda: released.append("GPU"))

    release_unused_gpu_memory(Device("cpu", "a processor"))
    release_unused_gpu_memory(Device("cuda", "a GPU"))

    assert released == ["GPU"]


def test_torch_gets_its_threads_back_also_after_an_error():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with pytest.raises(KeyError), single_threaded_torch():
            assert torch.get_num_threads() == 1
            raise KeyError
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
