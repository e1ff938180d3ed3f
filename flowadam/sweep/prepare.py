"""A study's folder: opened, grown, and refused when it belongs to something else."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from flowadam.errors import FlowAdamError, InputError
from flowadam.store import Store
from flowadam.study import Study
from flowadam.sweep.job import Catalog
from flowadam.sweep.kept import keep, united
from flowadam.sweep.origins import having_rows, note_origins, noted_prints

NEWBORN = {".lock", "ledger.jsonl", "trials", "curves", "plugins", "study.toml.tmp"}


def check_folder(folder: Path) -> None:
    """Refuse a folder that holds something other than a study, and a file in its place.

    A writer's lock beside nothing but its first files is a study whose writer was killed before
    it could write ``study.toml``.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"--out must name a folder, and {folder} is a file.")
    ground = next(p for p in (folder, *folder.parents) if p.exists())
    if not ground.is_dir() or not os.access(ground, os.W_OK):
        raise InputError(f"--out must be writable, and nothing can be written in {ground}.")
    if folder.is_dir() and not (folder / "study.toml").exists():
        names = {p.name for p in folder.iterdir()}
        others = sorted(names - NEWBORN if ".lock" in names else names)
        if others:
            raise InputError(
                f"{folder} is not empty and holds no study (it has {others[0]}): "
                "choose another --out."
            )


def grown_study(folder: Path, wanted: Study) -> Study:
    """Return `wanted` united with the study that the folder holds already, if any.

    Raises:
        InputError: the folder is no study's, or what may not change differs.
    """
    check_folder(folder)
    return united(Store(folder), wanted) if (folder / "study.toml").exists() else wanted


def open_store(folder: Path, study: Study, catalog: Catalog) -> Store:
    """Open the folder for writing, with `study` and the hashes of its data and spaces recorded.

    Args:
        study: what `grown_study` returned.

    Raises:
        FlowAdamError: another process writes to the folder, or has changed its study meanwhile.
        InputError: a task's data or an optimizer's space is not what earlier rows were made with.
    """
    store = Store(folder, write=True)
    try:
        _check_unchanged(store, study)
        _check_fingerprints(store, catalog)
        note_origins(store, catalog)
        kept = tuple(keep(folder, plugin) for plugin in catalog.plugins)
        store.save_study(replace(study, plugin=kept))
    except BaseException:
        store.close()
        raise
    return store


def _check_unchanged(store: Store, study: Study) -> None:
    """The stored study was read before the lock was taken."""
    known = (store.folder / "study.toml").exists()
    if known and united(store, study) != study:
        raise FlowAdamError(
            f"The study in {store.folder} is no longer what it was at the start: another process "
            "has changed it meanwhile. Run the same command again."
        )


def _check_fingerprints(store: Store, catalog: Catalog) -> None:
    known = noted_prints(store)
    now = {f"task {name}": task.fingerprint() for name, task in catalog.tasks.items()}
    now |= {f"optimizer {name}": spec.fingerprint() for name, spec in catalog.specs.items()}
    changed = [name for name, value in now.items() if known.get(name, value) != value]
    for name in having_rows(store, changed):
        what = "data" if name.startswith("task") else "search space"
        raise InputError(
            f"The {what} of {name} differ from those of the study in {store.folder}: "
            "its rows could not be compared with new ones. Choose another --out."
        )
    fresh = {name: value for name, value in now.items() if known.get(name) != value}
    if fresh:
        store.note({"event": "fingerprints", "of": fresh})
