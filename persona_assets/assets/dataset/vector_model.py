"""Say by which model the audit of a data set encodes drawn texts, and whose texts it must not encode."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow.dataset as pads

from persona_assets.consent.policy import find_users_to_leave_out
from persona_assets.privacy import VectorModel
from persona_assets.privacy.audit import Vectors
from persona_assets.text_encoder.device import DeviceChoice, PrecisionChoice
from persona_assets.text_encoder.encode import Encoder
from persona_assets.text_encoder.model import load_requested_model


def describe_vector_model(
    name: str,
    *,
    device: DeviceChoice,
    compute_dtype: PrecisionChoice,
    max_tokens: int,
    consents: pads.Dataset | None,
) -> VectorModel:
    """Describe the text encoder of the attack by vectors. It is loaded at the first text, which raises its errors.

    Args:
        name: As of `text_encoder.model.load_model`. The path of a local folder is not shown to readers of the audit.
        device: As of `load_requested_model`.
        compute_dtype: As of `load_requested_model`.
        max_tokens: As of `load_model`.
        consents: What accounts said; None: nobody said anything. Accounts that refuse embedding are in no cluster. One
            that refused after the clusters were made is not encoded here either.
    """

    def embed(texts: Sequence[str]) -> Vectors:
        model = load_requested_model(name, device=device, compute_dtype=compute_dtype, max_tokens=max_tokens)
        return Encoder(model).encode_short_texts(texts)

    shown = "local folder" if Path(name).is_dir() else name
    return VectorModel(shown, embed, frozenset() if consents is None else _find_refusing(consents))


def _find_refusing(consents: pads.Dataset) -> frozenset[str]:
    said = consents.to_table(columns=["user_id", "embedding_allow"])
    refusing = find_users_to_leave_out(said, ("embedding",), {}, with_accounts=False)
    return frozenset(refusing["user_id"].to_pylist())
