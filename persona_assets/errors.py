"""The errors that a user can meet, each naming the thing, the culprit and the remedy; none quotes a person."""


class PersonaAssetsError(Exception):
    """Base of every error of this package: catch this to catch them all."""


class SettingsError(PersonaAssetsError):
    """A `PERSONA_*` variable is unknown, out of range or contradicts another one."""


class CaptureError(PersonaAssetsError):
    """The capture, or a day of it, cannot be found or holds no file at all."""


class WorkerError(PersonaAssetsError):
    """A process that parses a part of a day was killed."""


class SchemaError(PersonaAssetsError):
    """A table differs from what `tables.py` says that its asset hands over."""


class MissingPartitionError(PersonaAssetsError):
    """A day that is needed has not been materialized."""


class ModelError(PersonaAssetsError):
    """An embedding model cannot be had or is not what it should be."""


class DeviceError(PersonaAssetsError):
    """The device asked for is not on this machine."""


class TooFewUsersError(PersonaAssetsError):
    """The window has fewer users than the clusters asked for would need."""


class VectorError(PersonaAssetsError):
    """A vector from upstream is not finite or has the wrong width."""


class StorageError(PersonaAssetsError):
    """A file could not be written or read back: the disk is full, or what is there is damaged."""


class DetectorError(PersonaAssetsError):
    """The language detector cannot be loaded on this machine."""


class DayError(PersonaAssetsError):
    """A day of a range failed, and the later ones were not begun."""


class FailedCheckError(PersonaAssetsError):
    """An asset that was made beside those selected failed a check that stops a run."""
