"""A study's plugins: the copies in its folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from flowadam.durable import write_atomic
from flowadam.errors import InputError
from flowadam.plugins import Plugin, read_plugin
from flowadam.store import Store
from flowadam.study import Study


def united(store: Store, wanted: Study) -> Study:
    """Return the stored study grown by `wanted`; of a plugin known already the copy is taken.

    Raises:
        InputError: what may not change differs; a plugin has a known file name and another
            content, and rows were made with the old one.
    """
    study = store.study
    copies = {Path(path).name: path for path in study.plugin}
    plugin = tuple(_same(copies.get(Path(path).name), path, store) for path in wanted.plugin)
    named = {Path(path).name for path in plugin}
    stored = tuple(p for p in study.plugin if p in plugin or Path(p).name not in named)
    return replace(study, plugin=stored).grown(replace(wanted, plugin=plugin), str(store.folder))


def keep(folder: Path, plugin: Plugin) -> str:
    """Copy a plugin into the study's folder, under its hash; return the copy's path."""
    copy = folder / plugin.kept
    if not copy.exists():
        copy.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(copy, plugin.source)
    return str(copy)


def _same(copy: str | None, path: str, store: Store) -> str:
    """Return the study's copy of a plugin if there is one; the file itself may be gone."""
    if copy is None or not Path(path).exists():
        return copy or path
    was, now = read_plugin(copy), read_plugin(path)
    if was == now:
        return copy
    if any(str(was) in (row["plugins"] or "") for row in store.rows()):
        raise InputError(
            f"The plugin {now.name} differs from that of the study in {store.folder} (its hash is "
            f"{now.hash}, there {was.hash}): rows could not be compared with new ones. "
            "Choose another --out."
        )
    return path
