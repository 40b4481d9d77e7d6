"""Every `PERSONA_*` variable, in one place, typed.

CLI backfills take no run config, so each default of a run config is a setting here; the launchpad overrides
it for one run. Variables are read when a default is needed, not when a module is imported.
"""

import datetime as dt
import os
from collections.abc import Mapping
from typing import Any, Literal, Self

import pydantic

from persona_assets.common.agent_settings import AgentSettings
from persona_assets.common.assignment_settings import AssignmentSettings
from persona_assets.common.consent_settings import ConsentSettings
from persona_assets.common.release_settings import ReleaseSettings
from persona_assets.common.renamed_settings import replace_old_names
from persona_assets.common.scheduler_settings import SchedulerSettings
from persona_assets.common.setting_texts import describe_bounds, explain_setting_errors
from persona_assets.errors import SettingsError

PREFIX = "PERSONA_"

# What some settings may be; a run config's field that is read from one has the same type.
ExecutorName = Literal["in_process", "multiprocess", "slurm", "k8s"]
DeviceName = Literal["auto", "cpu", "cuda", "mps"]
ComputeDtype = Literal["auto", "float32", "bfloat16"]
VectorDtype = Literal["float16", "float32"]
MinSizePolicy = Literal["fill", "dissolve"]
ClusteringMethod = Literal["kmeans", "ward"]
IgnoredCandidates = Literal["follows", "cluster"]
ClusterFormat = Literal["arrays", "blueprint"]
ClusterCompression = Literal["none", "zstd"]
CaptureSource = Literal["files", "jetstream", "archive"]

# Constraints of pydantic that settings have.
_BOUNDS = ("ge", "le", "min_length", "pattern")

# Settings that say what a step may use and change no result: they are no part of how it was made. The device and
# precision of the model are, as they were found.
_COSTS_ONLY = frozenset(
    {"memory_limit", "workers", "threads", "device", "compute_dtype", "vector_store", "vector_store_days"}
)
# Of a field of a run config that is of these, in `json_schema_extra`.
COSTS_ONLY = "costs_only"


class Settings(AgentSettings, AssignmentSettings, SchedulerSettings, ConsentSettings, ReleaseSettings):
    """All settings of the project, as the `PERSONA_*` environment variables give them.

    Field `data` is variable `PERSONA_DATA`, and so on.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    capture: str = pydantic.Field("data/capture", description="Root folder of the capture: a path or fsspec URL.")
    capture_pattern: str | None = pydantic.Field(
        None, description="A day's folder below the root, as strftime; known layouts are tried when unset."
    )
    source: CaptureSource = pydantic.Field(
        "files",
        description="Origin of the capture. files: you, or `persona-record`, keep its files. jetstream: the asset "
        "`captured_events` replays a day from a Jetstream server, which keeps about 36 hours. archive: it downloads "
        "older days from a server's archive.",
    )
    zstd_dictionaries: str | None = pydantic.Field(
        None,
        description="A zstd dictionary, or a folder of them, for captures that keep Jetstream's compressed frames as "
        "they came: a path or fsspec URL.",
    )
    archive_url: str = pydantic.Field("https://jetstream.us-west.bsky.network", description="Server of the archive.")
    archive_token: str | None = pydantic.Field(None, repr=False, description="Token of that server.")
    jetstream_urls: str = pydantic.Field(
        "wss://jetstream.us-west.bsky.network/xrpc/network.bsky.jetstream.subscribeEvents,"
        "wss://jetstream.us-east.bsky.network/xrpc/network.bsky.jetstream.subscribeEvents,"
        "wss://jetstream2.us-east.bsky.network/subscribe",
        min_length=1,
        description="Addresses of Jetstream servers with their path, separated by commas and tried in this order, to "
        "record from: `wss://HOST/subscribe` (v1) or `wss://HOST/xrpc/network.bsky.jetstream.subscribeEvents` (v2).",
    )
    stream_timeout: float = pydantic.Field(60, gt=0, description="Seconds without an event until recorders reconnect.")
    stream_collections: str | None = pydantic.Field(
        None,
        description="Collections that are recorded, separated by commas, such as `app.bsky.feed.post`; all when unset. "
        "Account and identity events are recorded in any case.",
    )
    stream_dids: str | None = pydantic.Field(
        None, description="File of the account ids (DIDs) that are recorded, one on a line; all accounts when unset."
    )
    data: str = pydantic.Field("data/assets", description="Where assets are stored: a path or fsspec URL.")
    umask: str = pydantic.Field(
        "077",
        pattern=r"^0?0[0-7]{2}$",
        description="What results deny to others, as the shell's umask: 077 keeps them to their owner, 027 shows them "
        "to the group.",
    )
    start_date: dt.date = pydantic.Field(dt.date(2025, 3, 1), description="First day (UTC) of the graph.")
    end_date: dt.date | None = pydantic.Field(
        None, description="Last day (UTC) of the graph, for a capture that has ended. Default: yesterday."
    )
    include_today: bool = pydantic.Field(
        default=False,
        description="Let today (UTC), which has not ended, be a day of the graph too: for a first look at a capture "
        "that is being recorded. Make the day again when it has ended.",
    )
    window_days: int = pydantic.Field(7, ge=1, le=366, description="Days of which a persona is made.")
    schedule_hour: int = pydantic.Field(
        3, ge=0, le=23, description="Hour (UTC) at which the schedule, if switched on, processes the day before."
    )
    sensor_days: int = pydantic.Field(
        14, ge=1, le=366, description="Latest days that the sensor, if switched on, watches for new and grown files."
    )
    executor: ExecutorName = pydantic.Field("in_process", description="What runs the steps of a run.")
    memory_limit: str = pydantic.Field(
        "4GB",
        pattern=r"^[0-9]+(\.[0-9]+)? ?(MB|GB|TB|MiB|GiB|TiB)$",
        description="Memory that a step may use (+ 25 % + 300 MB); joins and sorts spill to the temporary folder.",
    )
    language: str = pydantic.Field(
        "en",
        pattern=r"^[a-z]{2,3}$",
        description="The language kept (ISO 639). For any but en, words that most personas share count as stop words. "
        "The detector's weights were fitted on English; a language written without spaces gets phrases for words.",
    )
    model: str = pydantic.Field(
        "all-MiniLM-L6-v2-embedded",
        min_length=1,
        description="Embedding model: a Hugging Face name or a local folder; the default needs no network.",
    )
    device: DeviceName = pydantic.Field("auto", description="Where the model runs.")
    max_tokens: int = pydantic.Field(128, ge=8, le=8192, description="Tokens of a text that the model sees.")
    compute_dtype: ComputeDtype = pydantic.Field(
        "auto", description="Precision of the model; auto is bfloat16 where the device is fast at it."
    )
    vector_dtype: VectorDtype = pydantic.Field("float16", description="Precision of the vectors stored.")
    compile_model: bool = pydantic.Field(
        default=False, description="Let torch compile the model: minutes to start, then somewhat faster."
    )
    vector_store: str | None = pydantic.Field(
        None,
        description="Local folder that keeps vectors, so that no text is embedded twice and an interrupted day goes "
        "on where it stopped; `off` for none. Default: `vector_store` below PERSONA_DATA, if that is a local path.",
    )
    vector_store_days: int = pydantic.Field(
        30, ge=1, le=36_500, description="Days after which kept vectors are deleted, when a day is embedded."
    )
    lock_dir: str | None = pydantic.Field(
        None,
        description="Local folder of the lock file by which embedding steps on this machine run one at a time. To "
        "share the lock, users name the same folder, which must exist and be writable and setgid for their group. "
        "Default: a folder of the user's own in the temporary folder.",
    )
    min_english_posts: int = pydantic.Field(
        2, ge=1, description="Minimum number of English posts for a user to be kept."
    )
    n_clusters: str = pydantic.Field(
        "10",
        pattern=r"^ *[1-9][0-9]* *(, *[1-9][0-9]* *)*$",
        description="Number of personas, unless it is to be chosen. Several, as 2,25,100, give nested levels: the "
        "greatest is the number of personas, which lie in the coarser ones.",
    )
    auto_cluster: bool = pydantic.Field(default=False, description="Choose the number of personas.")
    min_cluster_size: int = pydantic.Field(10, ge=1, description="Minimum number of users in a persona.")
    min_size_policy: MinSizePolicy = pydantic.Field(
        "fill",
        description="What happens to a persona below the minimum size. fill: it gets those users of others who lose "
        "least by moving. dissolve: its users move to other personas, which leaves fewer personas than asked for.",
    )
    cluster_method: ClusteringMethod = pydantic.Field(
        "kmeans",
        description="How clusters are found. kmeans: spherical k-means. ward: Ward's hierarchical clustering; of more "
        "than 5,000 users as many are drawn, and the others join the nearest cluster.",
    )
    whiten_users: bool = pydantic.Field(
        default=False,
        description="Whiten user vectors (within-class covariance normalisation): scale down directions in which the "
        "posts of one user vary. Known groups are separated better, but a user is no longer the mean of its posts.",
    )
    seed: int = pydantic.Field(0, ge=0, description="Seed of every random choice.")
    add_ignored_messages: bool = pydantic.Field(default=False, description="Estimate what users saw and let pass.")
    ignored_candidates: IgnoredCandidates = pydantic.Field(
        "follows",
        description="What users may have let pass: what followed accounts show them; or any post, by a user drawn in "
        "the cluster, as BluePrint does, for captures that know of few follows.",
    )
    similarity_threshold: float = pydantic.Field(
        0.7,
        ge=-1,
        le=1,
        description="Minimum cosine similarity between an ignored post and what its cluster engages with.",
    )
    cap_ignored_messages: int = pydantic.Field(1000, ge=0, description="Maximum number of ignored posts per user.")
    max_thread_messages: int = pydantic.Field(
        64, ge=2, description="Maximum number of messages in a conversation line."
    )
    cluster_format: ClusterFormat = pydantic.Field(
        "arrays",
        description="What a line of a persona's file is: an array of messages, as BluePrint's pipeline writes them, or "
        "an object as in its published data set.",
    )
    cluster_compression: ClusterCompression = pydantic.Field(
        "none", description="Compression of personas' files; zstd makes them `cluster_<N>.jsonl.zst`."
    )
    lines_without_text: bool = pydantic.Field(
        default=True,
        description="Write lines in which no message has a text, as the reference does: of posts of a picture alone, "
        "and of profiles without a description.",
    )
    show_posts: bool = pydantic.Field(default=True, description="Print posts in the report of a cluster.")
    label_url: str | None = pydantic.Field(
        None,
        pattern=r"^https?://",
        description="Address of an OpenAI-compatible endpoint that puts names together from phrases, such as "
        "http://localhost:11434/v1; phrases alone make the names when unset. It is sent key phrases, and no posts.",
    )
    label_model: str | None = pydantic.Field(None, description="Model that the endpoint for names is asked for.")
    label_key: str | None = pydantic.Field(
        None, repr=False, description="Key of the endpoint for names, if it has one."
    )
    label_timeout: float = pydantic.Field(30, gt=0, description="Seconds that one request for a name may take.")
    label_requests: int = pydantic.Field(2000, ge=1, description="Maximum number of requests for names of one run.")
    label_seconds: float = pydantic.Field(900, gt=0, description="Maximum seconds that one run waits for names.")
    reports_url: str | None = pydantic.Field(
        None,
        pattern=r"^https?://",
        description="Address at which `python -m persona_assets.command_line.serve_reports` serves the reports, for "
        "links in the UI, such as http://127.0.0.1:3001; no links when unset.",
    )

    @pydantic.model_validator(mode="after")
    def _has_a_day(self) -> Self:
        if self.end_date is not None and self.end_date < self.start_date:
            raise ValueError(f"{PREFIX}END_DATE={self.end_date} is before {PREFIX}START_DATE={self.start_date}")
        return self

    @pydantic.model_validator(mode="after")
    def _can_be_captured(self) -> Self:
        if self.source == "files":
            return self
        if self.capture_pattern not in {None, "%Y-%m-%d"}:
            raise ValueError(
                f"{PREFIX}SOURCE={self.source} captures days into folders such as 2025-03-01: unset "
                f"{PREFIX}CAPTURE_PATTERN"
            )
        if "://" in self.capture:
            raise ValueError(f"{PREFIX}SOURCE={self.source} needs a local folder as {PREFIX}CAPTURE")
        return self


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from `environment` (default: the process's own); warn of the old names of renamed settings.

    Raises:
        SettingsError: A variable that starts with `PERSONA_` means nothing, or a value is out of range; names
            each of them.
    """
    environment = os.environ if environment is None else environment
    given = {name.removeprefix(PREFIX).lower(): value for name, value in environment.items() if name.startswith(PREFIX)}
    # An empty value is how a shell or a compose file says "not set".
    given = replace_old_names({name: value for name, value in given.items() if value != ""}, prefix=PREFIX)
    try:
        return Settings(**given)  # pyright: ignore[reportArgumentType] - pydantic parses the strings
    except pydantic.ValidationError as error:
        known = [name.upper() for name in Settings.model_fields]
        known.sort(key=lambda name: name.lower() not in Settings.__annotations__)  # those of other modules last
        raise SettingsError(explain_setting_errors(error, known, prefix=PREFIX)) from None


def from_setting(name: str, **changes: Any) -> Any:
    """Return a field for a run config, with default, bounds and description of the setting `name`.

    Bounds and description are those of the setting, and the default is its value when it is needed. The class repeats
    the type, as type checkers read no values. A `run_config.SettingsConfig` shows the default in the launchpad.

    Args:
        name: A field of `Settings`.
        **changes: What else, or otherwise, `pydantic.Field` is given.

    Raises:
        SettingsError: There is no such setting.
    """
    if name not in Settings.model_fields:
        raise SettingsError(f"{name!r} is not a field of Settings")
    field = Settings.model_fields[name]
    bounds = {
        bound: value
        for constraint in field.metadata
        for bound in _BOUNDS
        if (value := getattr(constraint, bound, None)) is not None
    }
    description = f"{field.description}{describe_bounds(bounds)} Default: {PREFIX}{name.upper()}."
    return pydantic.Field(
        default_factory=lambda: getattr(read_settings(), name),
        description=description,
        json_schema_extra={COSTS_ONLY: name in _COSTS_ONLY},
        **{**bounds, **changes},
    )
