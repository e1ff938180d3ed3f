"""The import table of the design, and what the command line may load."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("flowadam", "search_spaces", "trainables", "analysis")
HEAVY = {"torch", "ray", "optuna", "mlflow", "pandas", "sklearn"}
OURS = set(PACKAGES)

# module prefix -> heavy libraries it may import, modules of ours it may not
HEAVY_ALLOWED = {
    "flowadam.optim": {"torch"},
    "flowadam.rodflow": {"torch"},
    "flowadam.audit.stack": {"torch"},
    "flowadam.meter": {"torch"},
    "flowadam.curve": {"torch"},
    "flowadam.memory": {"torch"},
    "flowadam.stacking": {"torch"},
    "flowadam.training": {"torch"},
    "flowadam.probes": {"torch"},
    "flowadam.trial": {"torch"},
    "flowadam.contract": {"torch"},
    "flowadam.optuna_bridge": {"optuna"},
    "flowadam.store": {"pandas"},
    "flowadam.sweep": {"ray"},
    "flowadam.tracking": {"mlflow"},
    "search_spaces": {"torch"},
    "trainables": {"torch", "sklearn", "pandas"},
    "trainables.group_trainable": {"torch", "ray"},
    "trainables.ray_trainable": {"torch", "ray"},
    "analysis": {"pandas", "sklearn", "optuna"},
}
OURS_FORBIDDEN = {
    "flowadam": {"analysis", "search_spaces", "trainables"},
    "flowadam.cli": set(),
    "flowadam.optim": {"flowadam.", "analysis", "search_spaces", "trainables"},
    "flowadam.rodflow": {"flowadam.", "analysis", "search_spaces", "trainables"},
    "flowadam.meter": {"flowadam.store", "flowadam.sweep", "flowadam.tracking"},
    "flowadam.trial": {"flowadam.store", "flowadam.sweep", "flowadam.tracking"},
    "search_spaces": {"trainables", "analysis", "flowadam.sweep", "flowadam.store"},
    "trainables": {"search_spaces", "analysis", "flowadam.sweep", "flowadam.store"},
    "analysis": {"trainables", "search_spaces", "flowadam.sweep", "flowadam.trial"},
}


def modules() -> list[str]:
    files = (path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    return sorted(".".join(f.relative_to(ROOT).with_suffix("").parts) for f in files)


def imports(module: str) -> Iterator[str]:
    """Yield what a module imports when it runs; names under TYPE_CHECKING load nothing."""
    tree = ast.parse(ROOT.joinpath(*module.split(".")).with_suffix(".py").read_text())
    yield from _walk(tree)


def _walk(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        return
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    if isinstance(node, ast.ImportFrom) and node.module:
        yield node.module
        yield from (f"{node.module}.{alias.name}" for alias in node.names)
    for child in ast.iter_child_nodes(node):
        yield from _walk(child)


def rule(table: dict[str, set[str]], module: str) -> set[str] | None:
    """Return the entry of the longest prefix of `module`."""
    name = module.removesuffix(".__init__")
    while name:
        if name in table:
            return table[name]
        name = name.rpartition(".")[0]
    return None


@pytest.mark.parametrize("module", modules())
def test_heavy_libraries_are_imported_only_where_the_design_says(module: str) -> None:
    heavy = {name.split(".")[0] for name in imports(module)} & HEAVY
    assert heavy <= (rule(HEAVY_ALLOWED, module) or set())


@pytest.mark.parametrize("module", modules())
def test_our_packages_keep_their_distance(module: str) -> None:
    forbidden = rule(OURS_FORBIDDEN, module) or set()
    own = module.removesuffix(".__init__").split(".")[:2]
    found = [
        name
        for name in imports(module)
        if name.split(".")[0] in OURS and name.split(".")[:2] != own
        for word in forbidden
        if name == word or name.startswith(word if word.endswith(".") else word + ".")
    ]
    assert not found


def test_the_rules_see_an_import_that_breaks_them(tmp_path: Path) -> None:
    tree = ast.parse("def f():\n    import torch\n    from ray import tune\n")
    assert {"torch", "ray"} <= set(_walk(tree))


def test_help_loads_no_heavy_library() -> None:
    code = (
        "import sys\n"
        "from flowadam.cli import main\n"
        "try:\n    main(['--help'])\n"
        "except SystemExit:\n    pass\n"
        f"print(sorted({HEAVY!r} & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert "sweep" in done.stdout
