"""Turn token ids into unit vectors, in batches that keep the device busy and waste little on padding."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt

from persona_assets.embeddings.model import Replica, TextModel
from persona_assets.embeddings.tokenize import Tokens
from persona_assets.errors import DeviceError, VectorError

# Tokens of a batch, padding included. On a CPU more only pads: measured best of 512 to 16,384.
CPU_BUDGET = 2_048
# On a GPU a batch must keep it busy while the next one is made; beyond that, more only pads.
GPU_BUDGET = 65_536
# A batch ends before a text that is shorter than this share of its longest, once it is this share full: of the few
# texts of a small day a full batch would pad a quarter.
LIKE_LENGTH = 0.85
FULL_ENOUGH = 0.25


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
        self.computed_tokens = 0  # padding included
        self._budgets = {replica.place: _first_budget(replica) for replica in model.replicas}

    def encode(self, tokens: Tokens) -> npt.NDArray[np.floating]:
        """Return the vector of each text: the model's own pooling, then unit length.

        The same tokens give the same bytes on the same machine: a vector's last bits depend on the batch that its
        text is in. With several GPUs, each takes every n-th text in order of length.

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
            width = int(tokens.lengths[rows[start]])
            lengths = tokens.lengths[rows[start:]]
            batch = rows[start : start + _count_batch(lengths, budget=self._budgets[replica.place])]
            ids, mask = tokens.pad(batch, padding=self.model.tokenizer.pad_token_id or 0)
            try:
                found = _forward(self.model, replica, ids, mask)
            except torch.OutOfMemoryError as error:
                if len(batch) == 1:
                    raise DeviceError(
                        f"{replica.place}: one text of {width} tokens does not fit its memory: set PERSONA_MAX_TOKENS "
                        "lower, take a smaller model or a larger device"
                    ) from error
                self._budgets[replica.place] = len(batch) * width // 2
                torch.cuda.empty_cache()
                continue
            self.computed_tokens += ids.size
            start += len(batch)
            yield found


def _count_batch(lengths: npt.NDArray[np.int64], *, budget: int) -> int:
    """Return how many texts of these lengths, longest first, make the next batch."""
    width = int(lengths[0])
    most = max(1, budget // width)
    alike = int(np.count_nonzero(lengths[:most] >= LIKE_LENGTH * width))
    return min(most, max(alike, int(FULL_ENOUGH * budget) // width), len(lengths))


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


def _forward(model: TextModel, replica: Replica, ids: npt.NDArray[np.int64], mask: npt.NDArray[np.int64]) -> Any:
    """Return the unit vectors (float32 tensor, on the device) of one batch of token ids."""
    import torch  # noqa: PLC0415 - loaded with the model

    ids_there, mask_there = (_send(array, replica.place) for array in (ids, mask))
    # Without padding there is nothing to mask, and attention has a faster way.
    is_full = bool(mask.all())
    hidden = replica.network(input_ids=ids_there, attention_mask=None if is_full else mask_there).last_hidden_state
    return torch.nn.functional.normalize(_pool(hidden, mask_there, model.recipe.pooling), dim=1)


def _send(array: npt.NDArray[np.int64], place: str) -> Any:
    """Return `array` on the device; a GPU fetches it from pinned memory while it works on something else."""
    import torch  # noqa: PLC0415 - loaded with the model

    tensor = torch.from_numpy(array)
    return tensor.pin_memory().to(place, non_blocking=True) if place.startswith("cuda") else tensor.to(place)


def _pool(hidden: Any, mask: Any, pooling: str) -> Any:
    """Return one float32 vector a text: `hidden` is (texts, tokens, dimensions), `mask` (texts, tokens)."""
    import torch  # noqa: PLC0415 - loaded with the model

    if pooling == "cls":
        return hidden[:, 0].float()
    if pooling == "lasttoken":
        return hidden[torch.arange(len(hidden), device=hidden.device), mask.sum(1) - 1].float()
    if pooling == "max":
        return hidden.masked_fill(mask.unsqueeze(-1) == 0, float("-inf")).amax(1).float()
    weights = mask.unsqueeze(-1).float()
    return (hidden.float() * weights).sum(1) / weights.sum(1)
