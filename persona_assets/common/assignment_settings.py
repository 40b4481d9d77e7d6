"""The setting of `user_assignments`, which `settings.Settings` has beside its own."""

import pydantic


class AssignmentSettings(pydantic.BaseModel):
    """Setting of `user_assignments`: the day whose personas users are assigned to.

    Field `assign_to` is variable `PERSONA_ASSIGN_TO`.
    """

    assign_to: str | None = pydantic.Field(
        None,
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
        description="Day (UTC) whose personas `user_assignments` assigns users to, as 2025-03-01. Default: the last "
        "day before the partition that has clusters.",
    )
