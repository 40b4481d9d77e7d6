"""The settings of data sets, which `settings.Settings` has beside its own."""

from typing import Literal

import pydantic

DatasetActs = Literal["json", "text"]
DatasetPersonalData = Literal["remove", "keep"]
DatasetSplit = Literal["components", "time"]
DatasetPseudonyms = Literal["line", "persona", "release"]


class ReleaseSettings(pydantic.BaseModel):
    """Settings of data sets: forms, tokens, pseudonyms, personal data, splits and license.

    Field `dataset_acts` is variable `PERSONA_DATASET_ACTS`, and so on.
    """

    dataset_forms: str = pydantic.Field(
        "chat,threads,dehydrated,next_action",
        pattern=r"^ *[a-z_]+ *(, *[a-z_]+ *)*$",
        description="Forms of a data set, separated by commas: chat, threads, dehydrated, next_action; and "
        "preference and unpaired_preference, which need PERSONA_ADD_IGNORED_MESSAGES.",
    )
    dataset_acts: DatasetActs = pydantic.Field(
        "json",
        description="What the assistant of `chat` answers with. json: an object with `text` and `actions`. text: plain "
        "text, and actions in brackets such as [like].",
    )
    dataset_tokenizer: str = pydantic.Field(
        "all-MiniLM-L6-v2-embedded",
        min_length=1,
        description="Tokenizer that counts the tokens of `chat`: a Hugging Face name or a local folder; the default "
        "needs no network.",
    )
    dataset_max_tokens: int = pydantic.Field(
        2048, ge=64, description="Maximum tokens of an example of `chat`; beyond it the oldest messages are left out."
    )
    dataset_pseudonyms: DatasetPseudonyms = pydantic.Field(
        "line",
        description="Where a user of a data set keeps one pseudonym: in a line, in a persona, or in the whole release. "
        "The last two need PERSONA_DATASET_KEY.",
    )
    dataset_key: str | None = pydantic.Field(
        None,
        description="File with the key of pseudonyms, outside the data. Without it users are numbered in each line.",
    )
    dataset_personal_data: DatasetPersonalData = pydantic.Field(
        "remove",
        description="What becomes of e-mail addresses, links, handles, phone numbers and the like in texts. remove: "
        "placeholders such as [EMAIL] replace them.",
    )
    dataset_split: DatasetSplit = pydantic.Field(
        "components",
        description="How train, validation and test are kept apart. components: no user, thread or text is in two of "
        "them. time: train also ends before validation begins, and validation before test.",
    )
    dataset_split_shares: str = pydantic.Field(
        "0.8,0.1,0.1",
        pattern=r"^ *[0-9.]+ *, *[0-9.]+ *, *[0-9.]+ *$",
        description="Shares of train, validation and test among the lines that are kept. Only their ratio counts.",
    )
    dataset_gap_hours: float = pydantic.Field(
        24, ge=0, description="Hours between the splits of PERSONA_DATASET_SPLIT=time."
    )
    dataset_hold_out_users: bool = pydantic.Field(
        default=True,
        description="Keep the users of validation and test out of train. Only PERSONA_DATASET_SPLIT=time may have "
        "false, which asks what known users do later.",
    )
    dataset_license: str = pydantic.Field(
        "other",
        pattern=r"^[a-z0-9.\-]+$",
        description="Licence on the data set's card, by its name on the Hugging Face Hub, such as cc-by-4.0.",
    )
