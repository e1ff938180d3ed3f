"""Options of tasks in their names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flowadam.cli.check import check_name
from flowadam.cli.listing import list_tasks
from flowadam.cli.registry import Registry
from flowadam.cli.task_names import require_different, split_name
from flowadam.errors import InputError


@pytest.mark.parametrize(
    ("name", "own", "options"),
    [
        ("jester", "jester", {}),
        ("photo:rank=3", "photo", {"rank": 3}),
        ("photo:hidden=0.5, rank=3", "photo", {"hidden": 0.5, "rank": 3}),
        ("char:path=/tmp/a text.txt,full=true", "char", {"path": "/tmp/a text.txt", "full": True}),
        ('char:path="/a,b:c=d.txt",rank=3', "char", {"path": "/a,b:c=d.txt", "rank": 3}),
    ],
)
def test_values_are_numbers_truths_or_text(name: str, own: str, options: Any) -> None:
    assert split_name(name) == (own, options)


@pytest.mark.parametrize("name", ["photo:", "photo:rank", "photo:=3", "photo:rank=", "photo:,"])
def test_half_an_option_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=r"NAME:option=value,.*, got 'photo:"):
        split_name(name)


def test_an_option_given_twice_is_refused() -> None:
    with pytest.raises(InputError, match="gives the option 'rank' twice"):
        split_name("photo:rank=1,rank=2")


def test_the_registry_makes_the_task_with_its_options() -> None:
    task: Any = Registry().task("photo_completion:rank=3,hidden=0.5")
    assert (task.rank, task.hidden) == (3, 0.5)
    with pytest.raises(InputError, match=r"no option 'rnk'\. Did you mean 'rank'"):
        Registry().task("photo_completion:rnk=3")
    with pytest.raises(InputError, match=r"Unknown task 'photo_completio'\. Did you mean"):
        Registry().task("photo_completio:rank=3")


def test_a_plugin_task_takes_no_options() -> None:
    plugin = Path(__file__).parent / "plugin_examples" / "my_task.py"
    registry = Registry([plugin])
    (name,) = registry.tasks
    assert registry.task(name).name == name
    with pytest.raises(InputError, match="of a plugin takes no options"):
        registry.task(f"{name}:rank=3")


def test_one_task_under_two_names_is_refused() -> None:
    require_different(["photo", "photo:rank=3", "photo:rank=4", "photo:rank=3,hidden=0.5"])
    with pytest.raises(InputError, match=r"'photo:b=1,a=0\.50' are the same"):
        require_different(["photo:a=0.5,b=1", "photo:b=1,a=0.50"])


def test_an_option_called_name_is_an_unknown_option() -> None:
    with pytest.raises(InputError, match="karate_club has no option 'name'"):
        Registry().task("karate_club:name=x")


def test_check_takes_a_task_with_options(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError, match="no option 'coupling'"):
        check_name("rosenbrock:coupling=1", [])


def test_a_tasks_options_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    list_tasks("photo_completion")
    shown = capsys.readouterr().out
    assert "rank  default 10" in shown
    assert "photo_completion:rank=..." in shown
    list_tasks("ratings")
    assert "path  has to be given" in capsys.readouterr().out
    with pytest.raises(InputError, match=r"Unknown task 'photo_completio'\. Did you mean"):
        list_tasks("photo_completio")
