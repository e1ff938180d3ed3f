"""The contract that every optimizer and every task keeps: named checks that ship with the package.

``run_checks`` returns one ``CheckResult`` per check; ``flowadam check NAME`` prints them and the
tests run the same tables.
"""

from __future__ import annotations

from flowadam.contract.result import CheckResult as CheckResult
from flowadam.contract.suite import OPTIMIZER_CHECKS as OPTIMIZER_CHECKS
from flowadam.contract.suite import PAIR_CHECKS as PAIR_CHECKS
from flowadam.contract.suite import TASK_CHECKS as TASK_CHECKS
from flowadam.contract.suite import run_checks as run_checks
