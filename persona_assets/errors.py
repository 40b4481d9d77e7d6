"""The exceptions of this package. Messages say what is wrong, where, and what to do, and never quote a user."""


class PersonaAssetsError(Exception):
    """Base class of all exceptions of this package."""


class SettingsError(PersonaAssetsError):
    """A `PERSONA_*` variable is unknown, out of range, or contradicts another one."""


class CaptureError(PersonaAssetsError):
    """The capture, or a day of it, is missing or has no files."""


class ArchiveError(PersonaAssetsError):
    """The archive of the network refuses a request, cannot be reached, or does not have what is asked for."""


class SegmentError(ArchiveError):
    """A segment of the archive is damaged or is none; `reason` is a fixed text that quotes nothing of it."""

    def __init__(self, reason: str, *, name: str, block: int | None = None) -> None:
        """Store the reason; the message also names the file and the block, counted from 0."""
        place = name if block is None else f"{name}, block {block}"
        super().__init__(f"{place}: {reason}; download the segment again")
        self.reason, self.block = reason, block


class RecompactedError(ArchiveError):
    """A segment of the archive is another one than when it was listed."""


class StreamError(PersonaAssetsError):
    """No server of the stream can be reached, or all refuse what they are asked for."""


class StreamHoleError(StreamError):
    """The stream lacks a part of the range that was to be recorded; names its start and end."""


class WorkerError(PersonaAssetsError):
    """A worker process that parses a part of a day was killed."""


class SchemaError(PersonaAssetsError):
    """A table does not have the schema that `tables.py` declares for its asset."""


class MissingPartitionError(PersonaAssetsError):
    """A required day of an input has not been materialized."""


class ModelError(PersonaAssetsError):
    """An embedding model cannot be loaded, or it is not the expected one."""


class DeviceError(PersonaAssetsError):
    """The requested device, such as a GPU, is not available on this machine."""


class TooFewUsersError(PersonaAssetsError):
    """The window has too few users for the requested clusters."""


class VectorError(PersonaAssetsError):
    """A vector of an input is not finite, or has the wrong number of dimensions."""


class StorageError(PersonaAssetsError):
    """A file cannot be written because the disk is full, or cannot be read because it is damaged or missing."""


class DetectorError(PersonaAssetsError):
    """The language detector cannot be loaded on this machine."""


class DayError(PersonaAssetsError):
    """A run of a range of days failed: at one day, whose later days were not started, or after all days."""


class SplitError(PersonaAssetsError):
    """The lines of a window cannot be split as asked, such as by time where they span too little of it."""


class PseudonymKeyError(PersonaAssetsError):
    """The key of pseudonyms is missing, readable by others, too short, or not random."""


class ReleaseError(PersonaAssetsError):
    """A data set failed a check of the release, so that it was not put in place."""


class UnselectedAssetCheckError(PersonaAssetsError):
    """A check of severity ERROR failed for an unselected asset that the step of a selected one also makes."""
