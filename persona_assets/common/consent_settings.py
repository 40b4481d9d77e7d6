"""The settings of consent, which `settings.Settings` has beside its own."""

from typing import Literal

import pydantic

from persona_assets.consent.purposes import Purpose, UndefinedMeans

# What becomes of posts that their authors deleted, and of accounts that are gone.
Deletions = Literal["keep", "drop"]

_UNDEFINED = "Whether accounts that say nothing about {} are kept. Explicit refusals always count."


def _undefined(purpose: str) -> UndefinedMeans:
    return pydantic.Field("allow", description=_UNDEFINED.format(purpose))


class ConsentSettings(pydantic.BaseModel):
    """Settings of consent: whether silence allows each purpose, who we are, and what happens to deletions.

    Field `consent_training` is variable `PERSONA_CONSENT_TRAINING`, for one.
    """

    consent_training: UndefinedMeans = _undefined("the training of models")
    consent_inference: UndefinedMeans = _undefined("being input of a model's inference")
    consent_synthetic_content: UndefinedMeans = _undefined("the generation of synthetic content")
    consent_embedding: UndefinedMeans = _undefined("embedding")
    consent_bulk_dataset: UndefinedMeans = _undefined("bulk data sets")
    consent_archive: UndefinedMeans = _undefined("public archives")
    consent_release: UndefinedMeans = pydantic.Field(
        "allow",
        description="Whether a release keeps accounts that say nothing about the purposes that it needs, where the "
        "setting of the purpose would keep them. Explicit refusals always count.",
    )
    consent_entity: str | None = pydantic.Field(
        None,
        min_length=1,
        description="Who you are in statements that apply to one entity: your DID, your domain, or both, separated by "
        "a comma. When unset, such statements bind nobody here; they are counted.",
    )

    deletions: Deletions = pydantic.Field(
        "drop",
        description="What becomes of posts that their authors deleted, and of accounts that are deleted, taken down or "
        "deactivated. drop: no result that is made afterwards has them; the tables of events, actions and English "
        "posts, which record what happened, do. keep: for those who study deletion.",
    )
    max_deleted_share: float = pydantic.Field(
        0.05,
        ge=0,
        le=1,
        description="Share of the accounts, or of the posts, of a stored day that may be gone or deleted by now before "
        "a check of consents fails and asks to make the day again. Not used with deletions=keep.",
    )

    def undefined_consent(self, *, release: bool = False) -> dict[Purpose, UndefinedMeans]:
        """Return, by purpose, whether an account that says nothing counts as allowing it.

        Args:
            release: For a release: a purpose is then denied if either its own setting or `consent_release` says so.
        """
        means: dict[Purpose, UndefinedMeans] = {
            "training": self.consent_training,
            "inference": self.consent_inference,
            "synthetic_content": self.consent_synthetic_content,
            "embedding": self.consent_embedding,
            "bulk_dataset": self.consent_bulk_dataset,
            "archive": self.consent_archive,
        }
        if release and self.consent_release == "deny":
            return dict.fromkeys(means, "deny")
        return means


def split_entities(names: str | None) -> tuple[str, ...]:
    """Return the DIDs and domains of the setting `consent_entity`, in lower case."""
    return tuple(name.strip().lower() for name in (names or "").split(",") if name.strip())
