"""Renamed settings: read the old name of a variable for one release, with a warning that says the new name."""

import functools
import warnings
from collections.abc import Mapping

# The old name of a field of `settings.Settings` -> its new name. The release that renames a setting adds a row here.
# The next release removes the row: from then on the old name is an unknown setting.
RENAMED_SETTINGS: Mapping[str, str] = {"sharpen_users": "whiten_users"}


def replace_old_names(
    given: Mapping[str, str], *, prefix: str, renamed: Mapping[str, str] = RENAMED_SETTINGS
) -> dict[str, str]:
    """Return the environment variables with old names of settings replaced by new ones, and warn of each.

    Args:
        given: The value of each setting, by its name in lower case without `prefix`.
        prefix: The beginning of each variable's name, for messages.
        renamed: The new name of each old name.

    Warns:
        FutureWarning: An old name is set. Each message is shown once per process.
    """
    present = dict(given)
    for old, new in renamed.items():
        if old not in present:
            continue
        old_variable, new_variable = f"{prefix}{old.upper()}", f"{prefix}{new.upper()}"
        if new in present:
            _warn_once(f"{old_variable} is ignored because {new_variable}, its new name, is set: unset {old_variable}")
        else:
            _warn_once(f"{old_variable} was renamed: set {new_variable} instead. The next release rejects the old name")
        value = present.pop(old)
        present.setdefault(new, value)
    return present


@functools.cache
def _warn_once(message: str) -> None:
    """Warn on standard error once per process, because settings are read again for each default of a run config."""
    # Python shows a FutureWarning by default, and hides a DeprecationWarning.
    warnings.warn(message, FutureWarning, stacklevel=4)
