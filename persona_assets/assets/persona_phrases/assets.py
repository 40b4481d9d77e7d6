"""The asset `persona_phrases`."""

import dagster as dg
import pyarrow.compute as pc
import pyarrow.dataset as pads

from persona_assets import tables
from persona_assets.assets.persona_phrases.key_phrases import PhraseInputs, find_key_phrases
from persona_assets.common.checks import Check
from persona_assets.common.consent_settings import Deletions
from persona_assets.common.database import QueryOptions
from persona_assets.common.metadata import measuring_time_and_memory, provenance_table
from persona_assets.common.provenance import build_provenance, with_provenance
from persona_assets.common.run_config import SettingsConfig
from persona_assets.common.scratch import Scratch
from persona_assets.consent.left_out import LeaveOutRules, find_left_out, leave_out_rules
from persona_assets.consent.purposes import UndefinedMeans
from persona_assets.io_managers.consent_tables import left_out_metadata, open_consent_tables
from persona_assets.io_managers.parquet_tables import DatasetWithSideTables, metadata_to_load_side_tables
from persona_assets.io_managers.persona_files import ClusterFolder
from persona_assets.partitions import list_window_days
from persona_assets.settings import ComputeDtype, DeviceName, from_setting
from persona_assets.text_encoder.encode import Encoder
from persona_assets.text_encoder.model import TextModel, load_requested_model

_SAME_MODEL = Check(
    "persona_phrases",
    "phrases_and_centres_are_of_one_model",
    "Phrases were embedded by another model than the posts were, so that names may fit worse: set PERSONA_MODEL to the "
    "model of the days, or make embeddings and clusters again.",
)
_HAVE_PHRASES = Check(
    "persona_phrases",
    "most_clusters_have_phrases",
    "Fewer than half of the clusters have words that two of their users share: they are too small, or hold what fits "
    "nowhere. Ask clusters for fewer, or raise PERSONA_MIN_CLUSTER_SIZE.",
)


class PersonaPhrasesConfig(SettingsConfig):
    """Run config of `persona_phrases`: the language of the posts, the model that compares phrases, who is left out."""

    language: str = from_setting("language")
    model: str = from_setting("model")
    device: DeviceName = from_setting("device")
    max_tokens: int = from_setting("max_tokens")
    compute_dtype: ComputeDtype = from_setting("compute_dtype")
    consent_embedding: UndefinedMeans = from_setting("consent_embedding")
    consent_inference: UndefinedMeans = from_setting("consent_inference")
    deletions: Deletions = from_setting("deletions")
    memory_limit: str = from_setting("memory_limit")


def build_persona_phrases(
    days: dg.DailyPartitionsDefinition, window: dg.TimeWindowPartitionMapping, *, consents: bool = False
) -> dg.AssetsDefinition:
    """Build the asset `persona_phrases`: key phrases of each cluster, and how its users act, to name it by.

    Args:
        days: Its daily partitions.
        window: Maps a day to the days that it reads.
        consents: Whether the graph has the asset `consents`, which then says who is left out.
    """

    @dg.asset(
        group_name="persona_assets",
        kinds={"duckdb", "pytorch", "parquet"},
        tags={"stage": "personas"},
        owners=["team:persona_assets"],
        partitions_def=days,
        ins={
            "clusters": dg.AssetIn(metadata=metadata_to_load_side_tables("cluster_centres")),
            "english_posts": dg.AssetIn(partition_mapping=window),
        },
        deps=["consents"] if consents else [],
        check_specs=[check.spec(days) for check in (_SAME_MODEL, _HAVE_PHRASES)],
    )
    def persona_phrases(  # noqa: PLR0913, PLR0917 - one parameter for each input
        context: dg.AssetExecutionContext,
        config: PersonaPhrasesConfig,
        scratch: Scratch,
        clusters: DatasetWithSideTables,
        cluster_jsonl: ClusterFolder,
        english_posts: pads.Dataset,
    ):
        """What each persona of the day may be named by: phrases of its users, and how they act beside the others.

        One row is one persona of the day. Phrases have one to three words, each written by at least two of its users,
        and say what the persona writes about and others do not. Accounts that refuse inference or embedding, and
        deleted posts, are in no phrase. Names are of this day alone: `persona_labels` makes them unique and keeps them
        from day to day.
        """
        of_window = list_window_days(context.partition_key, days, window)
        with measuring_time_and_memory(context.log.info) as cost:
            said = open_consent_tables(in_graph=consents, since=of_window[0])
            work = QueryOptions(memory_limit=config.memory_limit, scratch=scratch.new_folder())
            left_out = find_left_out(english_posts, said, _read_rules(config), **work)
            model = _choose_model(config)
            encoder = Encoder(model)
            centres = clusters.side_tables["cluster_centres"]
            counted = (cluster_jsonl.read_table(name) for name in ("accounting", "actions_by_hour"))
            phrases = find_key_phrases(
                PhraseInputs(clusters.main, centres, english_posts, *counted, left_out=left_out),
                encoder.encode_short_texts,
                language=config.language,
                **work,
            )
        made = build_provenance(
            "persona_phrases",
            days=of_window,
            settings=config.result_settings() | model.provenance(),
            libraries=("duckdb", "torch", "transformers"),
            inputs=[clusters.main, *said.list_inputs()],
            over_window=[english_posts],
        )
        with_phrases = pc.sum(pc.greater(pc.list_value_length(phrases["phrases"]), 0)).as_py() or 0
        return dg.MaterializeResult(
            value=with_provenance(phrases, made),
            metadata={"personas": len(phrases), "personas_with_phrases": with_phrases, **provenance_table(made)}
            | {**left_out_metadata(left_out, clusters.main), **cost},
            check_results=[
                _SAME_MODEL.result(passed=_find_model(centres) in {None, model.vector_space()}),
                _HAVE_PHRASES.result(passed=2 * with_phrases >= len(phrases), personas_with_phrases=with_phrases),
            ],
        )

    return persona_phrases


def _read_rules(config: PersonaPhrasesConfig) -> LeaveOutRules:
    return leave_out_rules(
        "persona_phrases",
        deletions=config.deletions,
        embedding=config.consent_embedding,
        inference=config.consent_inference,
    )


def _choose_model(config: PersonaPhrasesConfig) -> TextModel:
    return load_requested_model(
        config.model, device=config.device, compute_dtype=config.compute_dtype, max_tokens=config.max_tokens
    )


def _find_model(centres: pads.FileSystemDataset) -> str | None:
    """Return the model of the centres. A dataset's own schema has no metadata, as files may differ in it."""
    return tables.read_vector_model(next(iter(centres.get_fragments())).physical_schema)
