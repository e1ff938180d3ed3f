"""Claims from TOML."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from importlib.resources import files
from pathlib import Path
from typing import Any

from flowadam.audit.claims import Claim, Contender
from flowadam.audit.forms import FORMS
from flowadam.errors import InputError, nearest, require_known

_FILE = ("title", "source", "contender", "claim")
_TABLES = ("options", "corrected", "ranges")
_CONTENDER = ("like", "optimizer", "penalty", "published", "matched", *_TABLES)
_CLAIM = [f.name for f in fields(Claim) if f.name != "contenders"] + ["contender"]
_REQUIRED = ("key", "kind", "task", "optimizer", "against", "steps")
_TYPES: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("steps", "budget"), int),
    **dict.fromkeys(("margin", "level", "ceiling"), (int, float)),
    **dict.fromkeys(("fresh", "gpu"), bool),
    **dict.fromkeys(("against", "values", "rates", "forms"), tuple),
    **dict.fromkeys(("claimed", "contender"), dict),
}


@dataclass(frozen=True)
class Claims:
    """A file of claims.

    Args:
        name: of the file, without its ending.
        title: what they are claimed of.
    """

    name: str
    title: str
    claims: tuple[Claim, ...]

    def only(self, names: Iterable[str]) -> Claims:
        """Return the file with the named claims alone.

        Raises:
            InputError: an unknown name.
        """
        wanted, known = list(names), [claim.key for claim in self.claims]
        for name in wanted:
            require_known("claim", name, known)
        kept = tuple(claim for claim in self.claims if claim.key in wanted)
        return Claims(self.name, self.title, kept)


def shipped() -> list[str]:
    """Return the names of the files of claims that come with the package."""
    folder = files("flowadam") / "claims"
    return sorted(f.name.removesuffix(".toml") for f in folder.iterdir() if ".toml" in f.name)


def read_claims(name: str) -> Claims:
    """Read a file of claims: a path, or the name of one that comes with the package.

    Raises:
        InputError: there is none, it is no TOML, or a claim breaks a rule.
    """
    path = Path(name)
    if name in shipped():
        text = (files("flowadam") / "claims" / f"{name}.toml").read_text(encoding="utf-8")
    elif path.is_file():
        text = path.read_text(encoding="utf-8-sig")
    else:
        raise InputError(f"The file of claims {name} does not exist.{nearest(name, shipped())}")
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"The file of claims {name} cannot be read: {error}.") from None
    return make_claims(data, path.stem)


def make_claims(data: Mapping[str, Any], name: str) -> Claims:
    """Build claims from keys and values, refusing unknown keys with the nearest known one."""
    _known(data, _FILE, f"the claims {name}")
    shared, title = data.get("contender", {}), str(data.get("title", name))
    claims = tuple(
        _claim(one, shared, str(data.get("source", ""))) for one in data.get("claim", ())
    )
    keys = [claim.key for claim in claims]
    if not keys:
        raise InputError(f"The claims {name} hold no [[claim]].")
    if doubled := sorted({key for key in keys if keys.count(key) > 1}):
        raise InputError(f"The claims {name} name '{doubled[0]}' twice.")
    return Claims(name, title, claims)


def _claim(data: Mapping[str, Any], shared: Mapping[str, Any], source: str) -> Claim:
    where = f"the claim '{data.get('key', '?')}'"
    _known(data, _CLAIM, where)
    for key in _REQUIRED:
        if key not in data:
            raise InputError(f"The key '{key}' is missing in {where}.")
    values = {key: _typed(key, value, where) for key, value in data.items()}
    if not values["key"].replace("-", "").replace("_", "").replace(".", "").isalnum():
        raise InputError(f"A claim's key has letters, digits, - and _ alone, got '{data['key']}'.")
    own = values.pop("contender", {})
    claim = Claim(**{"source": source, **values, "contenders": {}})
    for form in claim.forms:
        require_known("form", form, [form.name for form in FORMS])
    for name in own:
        require_known(f"contender of {where}", name, claim.names)
    found = {name: _contender(name, shared, own.get(name, {}), where) for name in claim.names}
    for one in found.values():
        if one.matched:
            require_known(f"contender of {where}", one.matched, claim.names)
    return Claim(**{"source": source, **values, "contenders": found})


def _contender(
    name: str, shared: Mapping[str, Any], own: Mapping[str, Any], where: str
) -> Contender:
    """Join the tables of a contender, later ones winning: its model's, the file's, the claim's."""
    tables = [shared.get(name, {}), own]
    for table in tables:
        _known(table, _CONTENDER, f"the contender '{name}' of {where}")
    if like := next((t["like"] for t in reversed(tables) if "like" in t), ""):
        require_known(f"contender of the file ({where}: '{name}' is like it)", like, shared)
        tables.insert(0, {"optimizer": like, **shared[like]})
    both: dict[str, Any] = {"optimizer": name}
    for table in tables:
        both |= {k: v for k, v in table.items() if k != "like"}
    both["published"] = tables[-1].get("published", tables[-2].get("published", name))
    for key in _TABLES:
        both[key] = {k: v for table in tables for k, v in table.get(key, {}).items()}
    for option, ends in both["ranges"].items():
        if not (isinstance(ends, list) and len(ends) == 2 and ends[0] < ends[1]):
            raise InputError(
                f"`ranges.{option}` of '{name}' in {where} must be [low, high], got {ends}."
            )
    return Contender(name, **both)


def _known(data: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    for key in data:
        if key not in known:
            raise InputError(f"Unknown key '{key}' in {where}.{nearest(key, known)}")


def _typed(key: str, value: Any, where: str) -> Any:
    if key == "against" and isinstance(value, str):
        value = [value]
    value = tuple(value) if isinstance(value, list) else value
    kind = _TYPES.get(key, str)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        wanted = kind.__name__ if isinstance(kind, type) else "number"
        raise InputError(f"`{key}` in {where} must be of type {wanted}, got {value!r}.")
    return value
