"""Studies: what they accept, how they grow, and what they refuse by name."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowadam.errors import InputError
from flowadam.study import Study, make_study, read_study

BASE = Study(("photo", "digits"), ("adam", "lion"))
OTHER: dict[str, Any] = {
    "substudies": 5,
    "sampler": "qmc",
    "batch": 2,
    "selection": "final",
    "seed": 1,
    "dtype": "float64",
    "user": "who",
    "item": "what",
    "rating": "stars",
    "schedule": "cosine",
    "warmup": 0.1,
}
GROWS: dict[str, Any] = {
    "task": ("ratings",),
    "optimizer": ("sgd",),
    "plugin": ("/here/my_opt.py",),
    "trials": 32,
    "seeds": 2,
    "confirm_seeds": 12,
    "budget": 500,
    "probe": ("trace",),
    "phase": ("search", "confirm", "timing"),
    "trajectories": 12,
    "repeats": 4,
}
FREE: dict[str, Any] = {
    "name": "x",
    "device": "cuda",
    "gpu": 0.5,
    "time_limit": 9.0,
    "data": "/d.csv",
    "control": ("lion",),
    "sensitive": ("lion",),
}
WRITTEN = {"search_blocks", "confirm_blocks"}


def test_every_field_is_fixed_or_grows_or_is_free() -> None:
    assert {f.name for f in fields(Study)} == {*OTHER, *GROWS, *FREE, *WRITTEN}


@pytest.mark.parametrize("name", OTHER)
def test_a_fixed_field_is_refused_by_its_name(name: str) -> None:
    changed = replace(BASE, **{name: OTHER[name]})
    assert changed.identity() != BASE.identity()
    with pytest.raises(InputError, match=f"a study with `{name}` = .* Choose another --out"):
        BASE.grown(changed, "out")


@pytest.mark.parametrize("name", [*GROWS, *FREE])
def test_other_fields_leave_the_identity_alone(name: str) -> None:
    changed = replace(BASE, **{name: {**GROWS, **FREE}[name]}, search_blocks=(), confirm_blocks=())
    assert changed.identity() == BASE.identity()
    if name != "control":  # which may join, but not be made of what was compared
        BASE.grown(changed, "out")


def test_growth() -> None:
    wanted = Study(("ratings", "digits"), ("sgd",), trials=20, seeds=3, confirm_seeds=12)
    grown = BASE.grown(wanted, "out")
    assert grown.task == ("photo", "digits", "ratings")
    assert grown.optimizer == ("adam", "lion", "sgd")
    assert (grown.trials, grown.seeds, grown.confirm_seeds) == (20, 3, 12)
    assert grown.search_blocks == (1, 2)
    assert grown.confirm_blocks == (10, 2)
    assert grown.grown(wanted, "out") == grown


@pytest.mark.parametrize("name", ["trials", "seeds", "confirm_seeds"])
def test_shrinking_is_refused(name: str) -> None:
    old = Study(("a",), ("b",), trials=9, seeds=4, confirm_seeds=9)
    with pytest.raises(InputError, match=f"`{name}` = .; it can grow but not shrink to 3"):
        old.grown(replace(old, **{name: 3}, search_blocks=(), confirm_blocks=()), "out")


def test_probes_unite_when_a_study_grows() -> None:
    """They change no run's numbers, so they may come at any time; the same command goes on."""
    old = replace(BASE, probe=("trace", "sharpness"))
    grown = old.grown(replace(BASE, probe=("triggers", "trace")), "out")
    assert grown.probe == ("trace", "sharpness", "triggers")
    assert old.grown(BASE, "out").probe == old.probe


@pytest.mark.parametrize(
    ("probe", "limit", "group"),
    [((), None, None), ((), 8.0, 8.0), (("trace",), None, None), (("trace",), 8.0, 16.0)],
)
def test_probes_have_as_much_time_again(
    probe: tuple[str, ...], limit: float | None, group: float | None
) -> None:
    assert replace(BASE, probe=probe, time_limit=limit).group_limit == group


def test_the_data_file_is_remembered_and_may_move() -> None:
    old = replace(BASE, data="/here.csv")
    assert old.grown(BASE, "out").data == "/here.csv"
    assert old.grown(replace(BASE, data="/there.csv"), "out").data == "/there.csv"


text = st.text(st.characters(codec="utf-8"), min_size=1)
folder_names = text.filter(lambda name: "/" not in name and name not in (".", ".."))
studies = st.builds(
    Study,
    task=st.lists(text, min_size=1, unique=True).map(tuple),
    optimizer=st.lists(text, min_size=1, unique=True).map(tuple),
    name=folder_names,
    trials=st.integers(1, 10**6),
    seeds=st.integers(1, 50),
    budget=st.none() | st.integers(1, 10**9),
    seed=st.integers(-(2**63), 2**63 - 1),
    data=st.none() | text.map(lambda name: f"/{name}"),
    gpu=st.none() | st.floats(1e-4, 8),
    time_limit=st.none() | st.floats(1e-3, 1e9),
    sampler=st.sampled_from(["random", "qmc", "tpe", "gp", "cmaes"]),
    probe=st.lists(st.sampled_from(["trace", "sharpness"]), unique=True).map(tuple),
)


@given(study=studies)
def test_toml_round_trip(tmp_path_factory: pytest.TempPathFactory, study: Study) -> None:
    path = tmp_path_factory.mktemp("study") / "study.toml"
    path.write_text(study.to_toml(), encoding="utf-8", newline="")
    again = read_study(path)
    assert replace(again, data=study.data) == study
    assert again.data is None or study.data is None or Path(study.data).name in again.data
    assert again.identity() == study.identity()


def test_plugins_are_relative_to_the_file_and_named_by_their_copies(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    kept = "plugins/0123456789ab/own.py"
    path.write_text(f'task = "a"\noptimizer = "b"\nplugin = ["../my.py", "{kept}"]\n')
    study = read_study(path)
    assert study.plugin == (str(tmp_path.parent / "my.py"), str(tmp_path / kept))
    assert f'"{tmp_path.parent / "my.py"}"' in study.to_toml()
    assert f'"{kept}"' in study.to_toml()
    assert "plugin" not in BASE.to_toml()


def test_options_win_over_the_file_and_paths_are_relative_to_it(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('task = "ratings"\noptimizer = ["adam"]\ntrials = 3\ndata = "jokes.csv"\n')
    study = read_study(path, {"trials": 5})
    assert study == Study(
        ("ratings",), ("adam",), name="mine", trials=5, data=str(tmp_path / "jokes.csv")
    )


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"trails": 3}, "Unknown key 'trails' in the options. Did you mean 'trials'?"),
        ({"task": ()}, "at least one task"),
        ({"task": ("a", "a")}, "names each task once"),
        ({"optimizer": (1,)}, "`optimizer` must list names"),
        ({"plugin": 3}, "`plugin` must list names, got [3]"),
        ({"plugin": ("a/my.py", "b/my.py")}, "different file names, got 'my.py' twice"),
        ({"trials": -1}, "`trials` must be at least 0, got -1"),
        ({"trials": "many"}, "`trials` must be of type int, got 'many'"),
        ({"trials": True}, "`trials` must be of type int, got True"),
        ({"trials": 2.0}, "`trials` must be of type int, got 2.0"),
        ({"budget": 0}, "`budget` must be at least 1, got 0"),
        ({"budget": -5}, "`budget` must be at least 1, got -5"),
        ({"seeds": 0}, "`seeds` must be at least 1"),
        ({"confirm_seeds": 0}, "`confirm_seeds` must be at least 1"),
        ({"substudies": 0}, "`substudies` must be at least 1"),
        ({"batch": 0}, "`batch` must be at least 1"),
        ({"gpu": 0.0}, "`gpu` must be positive"),
        ({"time_limit": -1.0}, "`time_limit` must be positive"),
        ({"sampler": "rnadom"}, "Unknown sampler 'rnadom'. Did you mean 'random'?"),
        ({"selection": "worst"}, "Unknown selection 'worst'"),
        ({"dtype": "float16"}, "Unknown dtype 'float16'"),
        ({"device": "tpu"}, "Unknown device 'tpu'"),
        ({"name": 3}, "`name` must be of type str"),
        ({"probe": ("trase",)}, "Unknown probe 'trase'. Did you mean 'trace'?"),
        ({"probe": ("trace", "trace")}, "names each probe once"),
        ({"probe": (1,)}, "`probe` must list names"),
    ],
)
def test_wrong_values(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as error:
        make_study({"task": ["a"], "optimizer": ["b"], **keys})
    assert said in str(error.value)


@pytest.mark.parametrize("key", ["task", "optimizer"])
def test_a_missing_key(key: str) -> None:
    keys = {"task": ["a"], "optimizer": ["b"]}
    del keys[key]
    with pytest.raises(InputError, match=f"The key '{key}' is missing in the options"):
        make_study(keys)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "does not exist"),
        (b"task = [", "cannot be read"),
        (b"\xff\xfe", "cannot be read"),
        (b"optimizer = ['b']\n[task]\nname = 3\n", "`task` must list names"),
    ],
)
def test_wrong_files(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "study.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=said):
        read_study(path)


def test_what_was_compared_does_not_become_a_control() -> None:
    """It would leave Holm's family after its results are known."""
    stored = make_study({"task": ["a"], "optimizer": ["adam", "lion"]})
    late = make_study({"task": ["a"], "optimizer": ["adam", "lion"], "control": ["lion"]})
    with pytest.raises(InputError, match="compares 'lion'; it cannot become a control"):
        stored.grown(late, "here")
    fresh = make_study({"task": ["a"], "optimizer": ["adam", "sgd"], "control": ["sgd"]})
    assert stored.grown(fresh, "here").control == ("sgd",)
