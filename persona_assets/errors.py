"""The exceptions of this package. Messages say what is wrong, where, and what to do, and never quote a user."""


class PersonaAssetsError(Exception):
    """Base class of all exceptions of this package."""


class SettingsError(PersonaAssetsError):
    """A `PERSONA_*` variable is unknown, out of range, or contradicts another one."""


class CaptureFilesError(PersonaAssetsError):
    """Files of the capture, or of a day of it, are missing, incomplete or not those of a recording."""


class ArchiveError(PersonaAssetsError):
    """The archive server refuses a request, cannot be reached, or does not have the requested data."""


class SegmentError(ArchiveError):
    """An archive segment is damaged, or the file is not a segment; `reason` never quotes its content."""

    def __init__(self, reason: str, *, name: str, block: int | None = None) -> None:
        """Build the message from the reason, the name of the segment, and the number of the block, from 0."""
        place = name if block is None else f"{name}, block {block}"
        super().__init__(f"{place}: {reason}; download the segment again")
        self.reason, self.block = reason, block


class ReplacedSegmentError(ArchiveError):
    """The server replaced an archive segment after it was listed: its checksum is now a different one."""


class StreamError(PersonaAssetsError):
    """No Jetstream server can be reached, or all refuse the subscription."""


class MissingEventsError(StreamError):
    """The stream has no events for a part of the range to record; the message names its start and end."""


class WorkerKilledError(PersonaAssetsError):
    """A worker process that parses files of a day was killed, such as for lack of memory."""


class SchemaError(PersonaAssetsError):
    """A table does not have the schema that `tables.py` declares for its asset."""


class MissingPartitionError(PersonaAssetsError):
    """A day that a step reads as input has not been materialized."""


class ModelError(PersonaAssetsError):
    """An embedding model cannot be found or loaded, or its files are not the expected ones."""


class DeviceError(PersonaAssetsError):
    """The requested device, such as a GPU, is not available on this machine."""


class TooFewUsersError(PersonaAssetsError):
    """The window has fewer users than the requested number of clusters of minimum size needs."""


class VectorError(PersonaAssetsError):
    """A vector of an input is not finite, has the wrong number of dimensions, or is not comparable with another one."""


class EvaluationError(PersonaAssetsError):
    """A data set or a file of predictions is not of the form that can be scored."""


class StorageError(PersonaAssetsError):
    """A file cannot be written because the disk is full, or cannot be read because it is damaged or missing."""


class MemoryLimitError(PersonaAssetsError):
    """A step needs more memory for its input than `PERSONA_MEMORY_LIMIT` allows; raised before the work begins."""


class LanguageDetectorError(PersonaAssetsError):
    """The language detector cannot be loaded on this machine."""


class DayRangeRunError(PersonaAssetsError):
    """A run over a range of days failed: at one day, whose later days were not started, or after all days."""


class SplitError(PersonaAssetsError):
    """The lines of a window cannot be split as asked, for example by time if they span too little of it."""


class PseudonymKeyError(PersonaAssetsError):
    """The key of pseudonyms is missing, readable by others, too short, or not random."""


class ReleaseCheckError(PersonaAssetsError):
    """A check of a data set failed, so that the data set was not stored."""


class AccountIdError(PersonaAssetsError):
    """An id given to `persona-forget` is not a DID."""


class ForgettingError(PersonaAssetsError):
    """Accounts cannot be removed: files change meanwhile, are damaged, or the tombstones cannot be read."""


class UnselectedAssetCheckError(PersonaAssetsError):
    """A check of severity ERROR failed for an unselected asset that the step of a selected one also makes."""
