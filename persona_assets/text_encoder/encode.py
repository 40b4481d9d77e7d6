"""Turn token ids into unit vectors, in batches of texts of one length that keep the device busy.

Of one length, to the token: there is no padding to compute and no mask to slow attention down, and a text's vector
does not depend on its neighbours. Measured on CPUs against batches of like length with padding: no slower from 300
texts on, 4 % faster at 1,500.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt

from persona_assets.errors import DeviceError, VectorError
from persona_assets.text_encoder.model import Replica, TextModel
from persona_assets.text_encoder.tokenize import Tokens

# Most tokens of a batch. On a CPU: measured best of 512 to 16,384.
CPU_BUDGET = 2_048
# A GPU must be kept busy while the next batch is made; beyond that, more only takes memory.
GPU_BUDGET = 65_536


class Encoder:
    """A model at work: it holds, for each device, how many tokens a batch there may have."""

    def __init__(self, model: TextModel, *, vector_dtype: str = "float32") -> None:
        """Start with the largest batches that ought to fit.

        Args:
            model: Made by `model.load_model`.
            vector_dtype: Of the vectors, "float16" or "float32", whatever they are computed in.
        """
        self.model = model
        self.dtype = np.dtype(vector_dtype)
        self._budgets = {replica.place: _first_budget(replica) for replica in model.replicas}

    def encode(self, tokens: Tokens) -> npt.NDArray[np.floating]:
        """Return the vector of each text: the model's own pooling, then unit length.

        On a CPU a text gives the same bytes whatever it is encoded with; on a GPU its last bits may depend on how many
        texts share its batch. With several GPUs, each takes every n-th text in order of length.

        Args:
            tokens: Made by `tokenize.tokenize_texts`.

        Returns:
            `dtype` `(n_texts, dimensions)`, rows in the order of the texts. Memory: these as float32, and one batch
            a device.

        Raises:
            VectorError: A vector is not finite.
            DeviceError: A single text does not fit the device's memory.
        """
        vectors = np.empty((len(tokens.lengths), self.model.dimensions), np.float32)
        # The longest first, so that memory that does not suffice shows at once.
        order = np.argsort(tokens.lengths, kind="stable")[::-1]
        replicas = self.model.replicas
        shares = [(replica, order[number :: len(replicas)]) for number, replica in enumerate(replicas)]
        with ThreadPoolExecutor(len(shares)) as pool:
            # One device works in this thread: torch's number of threads is that of the thread that set it.
            each = pool.map if len(shares) > 1 else map
            for rows, found in each(lambda share: self._encode_share(tokens, *share), shares):
                vectors[rows] = found
        if not np.isfinite(vectors).all():
            raise VectorError(
                f"model {self.model.name!r} gives vectors that are not finite: try PERSONA_COMPUTE_DTYPE=float32"
            )
        return vectors.astype(self.dtype)

    def _encode_share(
        self, tokens: Tokens, replica: Replica, rows: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """Run the texts of one device, which is not waited for before the last batch is under way."""
        import torch  # noqa: PLC0415 - loaded with the model

        with torch.inference_mode():
            parts = list(self._run_batches(tokens, replica, rows))
            found = torch.cat(parts).cpu().numpy() if parts else np.empty((0, self.model.dimensions), np.float32)
        return rows, found

    def _run_batches(self, tokens: Tokens, replica: Replica, rows: npt.NDArray[np.int64]) -> Iterator[Any]:
        """Yield the vectors of batch after batch; one that does not fit is tried again at half the size."""
        import torch  # noqa: PLC0415 - loaded with the model

        start = 0
        while start < len(rows):
            length = int(tokens.lengths[rows[start]])
            most = rows[start : start + max(1, self._budgets[replica.place] // length)]
            batch = most[tokens.lengths[most] == length]
            try:
                found = _forward(self.model, replica, tokens.take(batch))
            except torch.OutOfMemoryError as error:
                if len(batch) == 1:
                    raise DeviceError(
                        f"{replica.place}: one text of {length} tokens does not fit its memory: set PERSONA_MAX_TOKENS "
                        "lower, take a smaller model or a larger device"
                    ) from error
                self._budgets[replica.place] = len(batch) * length // 2
                torch.cuda.empty_cache()
                continue
            start += len(batch)
            yield found


def _first_budget(replica: Replica) -> int:
    """Return the tokens of a first batch: as many as fit two fifths of the memory that is free, at most."""
    if not replica.place.startswith("cuda"):
        return CPU_BUDGET
    import torch  # noqa: PLC0415 - loaded with the model

    free, _ = torch.cuda.mem_get_info(replica.place)
    config = replica.network.config
    # The widest layer's input and output, the residual stream and what attention keeps, in the model's precision.
    per_token = 2 * (2 * getattr(config, "intermediate_size", 4 * config.hidden_size) + 12 * config.hidden_size)
    return max(CPU_BUDGET, min(GPU_BUDGET, int(0.4 * free / per_token)))


def _forward(model: TextModel, replica: Replica, ids: npt.NDArray[np.int64]) -> Any:
    """Return the unit vectors (float32 tensor, on the device) of one batch of token ids."""
    import torch  # noqa: PLC0415 - loaded with the model

    hidden = replica.network(input_ids=_send(ids, replica.place), attention_mask=None).last_hidden_state
    return torch.nn.functional.normalize(_pool(hidden, model.recipe.pooling), dim=1)


def _send(array: npt.NDArray[np.int64], place: str) -> Any:
    """Return `array` on the device; a GPU fetches it from pinned memory while it works on something else."""
    import torch  # noqa: PLC0415 - loaded with the model

    tensor = torch.from_numpy(array)
    return tensor.pin_memory().to(place, non_blocking=True) if place.startswith("cuda") else tensor.to(place)


def _pool(hidden: Any, pooling: str) -> Any:
    """Return one float32 vector a text: `hidden` is (texts, tokens, dimensions)."""
    if pooling == "cls":
        return hidden[:, 0].float()
    if pooling == "lasttoken":
        return hidden[:, -1].float()
    return hidden.float().amax(1) if pooling == "max" else hidden.float().mean(1)
