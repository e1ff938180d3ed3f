"""The contract that every optimizer and every task keeps, as shipped, named checks.

``check_optimizer``, ``check_task`` and ``check_pair`` return one ``CheckResult`` per check; they
are what ``flowadam check NAME`` prints and what the tests run.
"""

from __future__ import annotations

from flowadam.contract.result import CheckResult as CheckResult
from flowadam.contract.suite import OPTIMIZER_CHECKS as OPTIMIZER_CHECKS
from flowadam.contract.suite import PAIR_CHECKS as PAIR_CHECKS
from flowadam.contract.suite import TASK_CHECKS as TASK_CHECKS
from flowadam.contract.suite import check_optimizer as check_optimizer
from flowadam.contract.suite import check_pair as check_pair
from flowadam.contract.suite import check_task as check_task
