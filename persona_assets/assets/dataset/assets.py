"""Dagster definition of the asset `dataset`: inputs, run config, the gate's checks and metadata."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow.dataset as pads
from upath import UPath

from persona_assets.assets.dataset.build import Release, ReleaseInputs, ReleaseOptions, build_release
from persona_assets.assets.dataset.data_card import CardOptions
from persona_assets.assets.dataset.descriptions import write_descriptions
from persona_assets.assets.dataset.form_rows import Origin
from persona_assets.assets.dataset.gate import GateMeasures, measure_release
from persona_assets.assets.dataset.gate_checks import GATE_CHECKS, evaluate_gate, refuse_if_failed
from persona_assets.assets.dataset.personas import Persona, find_personas
from persona_assets.assets.dataset.release_schemas import PAIRED_FORMS, parse_forms
from persona_assets.assets.dataset.split_options import SplitOptions, parse_shares
from persona_assets.assets.dataset.vector_model import describe_vector_model
from persona_assets.common.metadata import (
    build_count_table,
    build_text_table,
    measuring_time_and_memory,
    provenance_table,
    window_and_missing_days_metadata,
)
from persona_assets.common.progress import phase
from persona_assets.common.provenance import build_provenance
from persona_assets.common.release_settings import DatasetActs, DatasetPersonalData, DatasetPseudonyms, DatasetSplit
from persona_assets.common.run_config import SettingsConfig
from persona_assets.common.scratch import Scratch
from persona_assets.consent.left_out import ConsentTables, LeaveOutRules, find_left_out
from persona_assets.consent.purposes import PURPOSES_OF
from persona_assets.errors import SettingsError
from persona_assets.io_managers.consent_tables import open_consent_tables
from persona_assets.io_managers.persona_files import ClusterFolder
from persona_assets.partitions import list_window_days, parse_day
from persona_assets.personal_data.names import load_name_finder_if_installed
from persona_assets.privacy import VectorModel, summarise_verdicts
from persona_assets.pseudonyms import read_key_file
from persona_assets.settings import ComputeDtype, DeviceName, from_setting, read_settings


class DatasetConfig(SettingsConfig):
    """Run config of `dataset`: forms, acts, tokens, pseudonyms, personal data, license, audit, and memory limit."""

    dataset_forms: str = from_setting("dataset_forms")
    dataset_acts: DatasetActs = from_setting("dataset_acts")
    dataset_tokenizer: str = from_setting("dataset_tokenizer")
    dataset_max_tokens: int = from_setting("dataset_max_tokens")
    dataset_pseudonyms: DatasetPseudonyms = from_setting("dataset_pseudonyms")
    dataset_personal_data: DatasetPersonalData = from_setting("dataset_personal_data")
    dataset_split: DatasetSplit = from_setting("dataset_split")
    dataset_split_shares: str = from_setting("dataset_split_shares")
    dataset_gap_hours: float = from_setting("dataset_gap_hours")
    dataset_hold_out_users: bool = from_setting("dataset_hold_out_users")
    dataset_license: str = from_setting("dataset_license")
    language: str = from_setting("language")
    model: str = from_setting("model")
    device: DeviceName = from_setting("device")
    max_tokens: int = from_setting("max_tokens")
    compute_dtype: ComputeDtype = from_setting("compute_dtype")
    seed: int = from_setting("seed")
    memory_limit: str = from_setting("memory_limit")


def build_dataset(
    days: dg.DailyPartitionsDefinition, window: dg.TimeWindowPartitionMapping, *, consents: bool = False
) -> dg.AssetsDefinition:
    """Build the asset `dataset`: the conversations and actions of a day's personas as a data set for training.

    Args:
        days: Its daily partitions.
        window: The partition mapping from a day to the days of its window.
        consents: Whether the graph has the asset `consents`, which then says who is left out.
    """

    @dg.asset(
        group_name="persona_assets",
        kinds={"duckdb", "huggingface"},
        tags={"stage": "results"},
        owners=["team:persona_assets"],
        partitions_def=days,
        io_manager_key="release_io_manager",
        ins={"user_actions": dg.AssetIn(partition_mapping=window)},
        deps=["consents"] if consents else [],
        check_specs=[check.spec(days) for check in GATE_CHECKS],
    )
    def dataset(  # noqa: PLR0913, PLR0917 - one parameter for each input
        context: dg.AssetExecutionContext,
        config: DatasetConfig,
        scratch: dg.ResourceParam[Scratch],
        cluster_jsonl: ClusterFolder,
        user_actions: pads.Dataset,
        persona_labels: pads.Dataset,
    ):
        """A data set of the day's personas, to train and evaluate models on, and to publish.

        One row is one line of a persona: a conversation or an action, as a chat, as a thread of BluePrint's form, or as
        addresses without text (`PERSONA_DATASET_FORMS`). `datasets.load_dataset(folder, "persona_3")` loads it, with
        the splits train, validation and test. Beside the rows are a data card (`README.md`), `croissant.json` and
        checksums. If a check fails, nothing is put in place, and an earlier data set of the day is removed. `dropped`
        counts the lines that are in no form, by reason. Next: read the card before you publish.
        """
        of_window = list_window_days(context.partition_key, days, window)
        origin = Origin(parse_day(context.partition_key), parse_day(of_window[0]))
        said = open_consent_tables(in_graph=consents, since=of_window[0])
        users = Counter(cluster_jsonl.read_user_clusters().values())
        personas = find_personas(persona_labels, origin.day, dict(users))
        options = build_release_options(config)
        inputs = _open_inputs(config, cluster_jsonl, user_actions, personas, said, scratch.new_folder())
        model = _describe_model(config, said)
        provenance = build_provenance(
            "dataset",
            days=of_window,
            settings=config.result_settings() | {"model": model.name},
            libraries=("duckdb", "numpy", "tokenizers", "torch", "transformers"),
            inputs=[cluster_jsonl.read_table("accounting").schema, *said.list_inputs()],
            over_window=[user_actions],
        )
        folder = scratch.new_folder()
        with measuring_time_and_memory(context.log.info) as cost:
            release, audit = _make(config, options, inputs, model, origin, folder, scratch)
            card = CardOptions(config.dataset_license, config.language, config.dataset_tokenizer, of_window)
            write_descriptions(folder, release, personas, options, card, audit)
        results = evaluate_gate(audit)
        stored = UPath(read_settings().data).absolute() / "dataset" / context.partition_key
        yield from refuse_if_failed(results, stored)
        yield dg.MaterializeResult(
            value=folder,
            check_results=results,
            metadata={
                **_list_counts(release),
                "privacy": build_text_table(summarise_verdicts(audit.privacy), of="privacy", shows="verdict"),
                **window_and_missing_days_metadata(context, user_actions=user_actions),
                **provenance_table(provenance),
                **cost,
            },
        )

    return dataset


def build_release_options(config: DatasetConfig) -> ReleaseOptions:
    """Convert the run config to `ReleaseOptions`, and read the pseudonym key from PERSONA_DATASET_KEY's file.

    Raises:
        SettingsError: Pseudonyms need a key, and there is none, or the file is in the data.
        PseudonymKeyError: The file has no usable key.
    """
    settings = read_settings()
    file = settings.dataset_key
    if file is None and config.dataset_pseudonyms != "line":
        raise SettingsError(
            f"PERSONA_DATASET_PSEUDONYMS={config.dataset_pseudonyms} needs PERSONA_DATASET_KEY, a key file"
        )
    if file is not None and Path(file).absolute().is_relative_to(Path(settings.data).absolute()):
        raise SettingsError("PERSONA_DATASET_KEY is in PERSONA_DATA: keep the key where the data is not")
    return ReleaseOptions(
        parse_forms(config.dataset_forms),
        config.dataset_acts,
        config.dataset_max_tokens,
        config.dataset_pseudonyms,
        None if file is None else read_key_file(Path(file)),
        clean=config.dataset_personal_data == "remove",
        split=_read_split(config),
    )


def _open_inputs(  # noqa: PLR0913, PLR0917 - what a data set is made from
    config: DatasetConfig,
    cluster_jsonl: ClusterFolder,
    user_actions: pads.Dataset,
    personas: list[Persona],
    said: ConsentTables,
    scratch: Path,
) -> ReleaseInputs:
    # Deletions and accounts that are gone are left out of a release, whatever other results keep.
    undefined = read_settings().undefined_consent(release=True)
    rules = LeaveOutRules(PURPOSES_OF["release"], undefined, drop_deletions=True)
    inputs = ReleaseInputs(
        cluster_jsonl.open_line_table("lines"),
        cluster_jsonl.open_line_table("line_messages"),
        user_actions,
        personas,
        find_left_out(user_actions, said, rules, memory_limit=config.memory_limit, scratch=scratch),
        cluster_jsonl.open_ignored(),
        knows_consents=said.consents is not None,
    )
    _require_ignored(parse_forms(config.dataset_forms), inputs)
    return inputs


def _require_ignored(forms: Sequence[str], inputs: ReleaseInputs) -> None:
    paired = [form for form in forms if form in PAIRED_FORMS]
    if paired and inputs.ignored is None:
        raise SettingsError(
            f"PERSONA_DATASET_FORMS: {', '.join(paired)} need ignored messages, which cluster_jsonl did not estimate: "
            "set PERSONA_ADD_IGNORED_MESSAGES=true and materialize cluster_jsonl, then this again"
        )


def _read_split(config: DatasetConfig) -> SplitOptions:
    try:
        return SplitOptions(
            config.dataset_split,
            parse_shares(config.dataset_split_shares),
            gap_hours=config.dataset_gap_hours,
            hold_out_users=config.dataset_hold_out_users,
            seed=config.seed,
        )
    except ValueError as error:
        raise SettingsError(f"PERSONA_DATASET_SPLIT, ..._SPLIT_SHARES, ..._HOLD_OUT_USERS: {error}") from error


def _describe_model(config: DatasetConfig, said: ConsentTables) -> VectorModel:
    return describe_vector_model(
        config.model,
        device=config.device,
        compute_dtype=config.compute_dtype,
        max_tokens=config.max_tokens,
        consents=said.consents,
    )


def _make(  # noqa: PLR0913, PLR0917 - what a data set is made of
    config: DatasetConfig,
    options: ReleaseOptions,
    inputs: ReleaseInputs,
    model: VectorModel,
    origin: Origin,
    folder: Path,
    scratch: Scratch,
) -> tuple[Release, GateMeasures]:
    from persona_assets.text_encoder.token_counts import load_token_counter  # noqa: PLC0415 - 0.3 s

    release = build_release(
        inputs,
        options,
        folder,
        origin=origin,
        count_tokens=load_token_counter(config.dataset_tokenizer),
        memory_limit=config.memory_limit,
        scratch=scratch.new_folder(),
    )
    with phase("checking the data set"):
        audit = measure_release(
            folder,
            release,
            inputs,
            options,
            memory_limit=config.memory_limit,
            scratch=scratch.new_folder(),
            names=load_name_finder_if_installed(),
            model=model,
        )
    return release, audit


def _list_counts(release: Release) -> dict[str, Any]:
    rows = Counter[str]()
    for shard in release.shards:
        rows[shard.form] += shard.rows
    return {
        "dagster/partition_row_count": sum(rows.values()),
        "rows": build_count_table(dict(rows), of="form"),
        "splits": build_count_table(release.splits.kept, of="split"),
        "dropped": build_count_table(release.dropped, of="reason"),
        "too_long_for_chat": release.too_long,
        "not_in_next_action": build_count_table(release.not_asked, of="reason"),
        "ignored_posts": build_count_table(release.ignored, of="outcome"),
        "messages_left_out": release.left_out,
        "personal_data": build_count_table(release.personal_data, of="kind"),
        "users": release.users,
    }
