"""IO manager for reports: one folder per day, `<data>/<asset>/<day>/`, with `stats.json`, `report.html` and plots."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
from upath import UPath

from persona_assets.common.progress import reporting_progress
from persona_assets.common.scratch import Scratch
from persona_assets.io_managers.atomic_storage import replacing_folder

STATS = "stats.json"


class ReportUPathIOManager(dg.UPathIOManager):
    """IO manager that stores a mapping of file names to bytes as one folder per day; it cannot load any."""

    def __init__(self, base_path: UPath, scratch: Scratch) -> None:
        """Store below `base_path`; a folder for remote storage is built in `scratch` first."""
        super().__init__(base_path)
        self._scratch = scratch

    def dump_to_path(self, context: dg.OutputContext, obj: Mapping[str, bytes], path: UPath) -> None:
        """Write the files of `obj` (bytes by file name) to a new folder, which then replaces `path`."""
        with (
            reporting_progress(context.log.info),
            replacing_folder(path, last_file=STATS, scratch=self._scratch.new_folder()) as folder,
        ):
            for name, content in obj.items():
                (folder / name).write_bytes(content)
        context.add_output_metadata(
            {
                "files": sorted(obj),
                "size_bytes": sum(map(len, obj.values())),
                "folder": dg.MetadataValue.path(str(path)),
            }
        )

    def load_from_path(self, context: dg.InputContext, path: UPath) -> Any:
        """Raise `NotImplementedError`: reports are for people and are not inputs of any asset."""
        raise NotImplementedError(f"{context.asset_key.to_user_string()} at {path} is not an input of anything")


class ReportIOManager(dg.ConfigurableIOManagerFactory[ReportUPathIOManager]):
    """Configures the IO manager for report folders below `base`, a path or fsspec URL."""

    base: str
    scratch: dg.ResourceDependency[Scratch]

    def create_io_manager(self, context: dg.InitResourceContext) -> ReportUPathIOManager:
        """Return the IO manager; nothing is written yet."""
        del context
        return ReportUPathIOManager(UPath(self.base).absolute(), self.scratch)
