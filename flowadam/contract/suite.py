"""The tables of checks, and the function that runs one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from flowadam.contract import (
    arguments,
    building,
    closures,
    compiled,
    continuing,
    cost,
    grouping,
    growth,
    kinds,
    missing,
    nonfinite,
    options,
    pairs,
    precision,
    processes,
    running,
    scheduling,
    task_gradient,
    task_seeds,
    task_shape,
)
from flowadam.contract.result import CheckResult, Table, run_table
from flowadam.errors import require_known
from flowadam.spec import OptimizerSpec
from flowadam.task import Task

Kind = Literal["optimizer", "task", "pair"]


def _table(*checks: Callable[..., None]) -> Table:
    return {check.__name__: check for check in checks}


OPTIMIZER_CHECKS = _table(
    building.builds_from_defaults,
    building.builds_in_its_whole_space,
    building.refuses_unknown_knobs,
    building.names_its_sources,
    arguments.checks_its_arguments,
    running.is_deterministic,
    running.descends_on_a_quadratic,
    running.keeps_its_budget,
    cost.costs_what_it_declares,
    running.isolates_nan,
    running.reports_closure_errors,
    continuing.continues_from_its_state_dict,
    continuing.continues_from_a_file,
    continuing.continues_from_a_deep_copy,
    continuing.leaves_no_graph,
    options.stacks_like_single_runs,
    grouping.splits_into_groups,
    grouping.reads_lr_per_group,
    options.runs_in_every_dtype,
    grouping.takes_options_per_group,
    grouping.adds_groups_in_mid_run,
    scheduling.follows_a_scheduler,
    scheduling.follows_one_cycle,
    scheduling.follows_cosine_annealing,
    missing.ignores_parameters_without_gradients,
    missing.leaves_frozen_parameters_alone,
    kinds.takes_empty_tensors,
    kinds.takes_scalars,
    kinds.takes_strided_tensors,
    kinds.mixes_dtypes,
    kinds.agrees_on_gpu,
    closures.evaluates_with_gradients_on,
    closures.closure_errors_change_nothing,
    nonfinite.survives_non_finite_losses,
    growth.keeps_memory_flat,
    precision.runs_under_autocast,
    precision.never_steps_on_scaled_losses,
    compiled.runs_with_compiled_models,
    processes.agrees_across_processes,
    processes.refuses_or_trains_sharded_parameters,
)
TASK_CHECKS = _table(
    task_shape.follows_the_protocol,
    task_shape.asks_for_sane_effort,
    task_shape.locks_its_test_part,
    task_shape.has_trivial_baselines,
    task_shape.travels_pickled,
    task_shape.has_a_stable_fingerprint,
    task_shape.tiny_is_quick,
    task_shape.learns,
    task_seeds.is_driven_by_its_seeds,
    task_seeds.replicas_do_not_depend_on_their_block,
    task_seeds.steps_are_a_function_of_their_number,
    task_seeds.evaluation_changes_nothing,
    task_seeds.makes_every_dtype,
    task_gradient.gradient_matches_differences,
    task_gradient.penalty_is_the_sum_of_squares,
    task_gradient.differentiates_its_losses,
    task_gradient.honors_active_replicas,
    task_gradient.skips_inactive_replicas,
)
PAIR_CHECKS = _table(pairs.three_gradients)


_TABLES: dict[Kind, Table] = {
    "optimizer": OPTIMIZER_CHECKS,
    "task": TASK_CHECKS,
    "pair": PAIR_CHECKS,
}


def run_checks(kind: Kind, *subjects: OptimizerSpec | Task) -> list[CheckResult]:
    """Run one table of checks; what ``OptimizerSpec.exempt`` names is reported as exempt.

    Args:
        kind: "optimizer" takes the spec; "task" takes the task, and Adam's spec as the optimizer
            where one is needed; "pair" takes a spec and a task.

    Raises:
        InputError: ``exempt`` names a check that does not exist.
    """
    first = subjects[0]
    exempt = first.exempt if isinstance(first, OptimizerSpec) else {}
    for name in exempt:
        require_known("check", name, [*OPTIMIZER_CHECKS, *PAIR_CHECKS])
    return run_table(_TABLES[kind], *subjects, exempt=exempt)
