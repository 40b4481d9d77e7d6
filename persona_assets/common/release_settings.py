"""The settings of data sets, which `settings.Settings` has beside its own."""

from typing import Literal

import pydantic

DatasetActs = Literal["json", "text"]
DatasetPersonalData = Literal["remove", "keep"]
DatasetPseudonyms = Literal["line", "persona", "release"]


class ReleaseSettings(pydantic.BaseModel):
    """What a data set has. Field `dataset_acts` is variable `PERSONA_DATASET_ACTS`, and so on."""

    dataset_forms: str = pydantic.Field(
        "chat,threads,dehydrated",
        pattern=r"^ *[a-z_]+ *(, *[a-z_]+ *)*$",
        description="Forms of a data set, separated by commas: chat, threads, dehydrated.",
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
    dataset_license: str = pydantic.Field(
        "other",
        pattern=r"^[a-z0-9.\-]+$",
        description="Licence on the data set's card, by its name on the Hugging Face Hub, such as cc-by-4.0.",
    )
