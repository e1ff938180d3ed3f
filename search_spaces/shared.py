"""Ranges that several optimizers share, so that none of them is given a better one.

A spec that departs from a range here builds its own and says why in its ``source``.
"""

from __future__ import annotations

from flowadam.space import Float

LR = Float(
    "opt.lr",
    1e-4,
    1e-1,
    log=True,
    source="AlgoPerf, external tuning ruleset of AdamW and NAdamW: [1e-4, 1e-2], log; extended "
    "tenfold upwards, towards the [1e-4, 1] of Schmidt et al. 2021 (Descending through a Crowded "
    "Valley), because Adam's best rates on the tasks of this package lie between 3e-3 and 1e-1 "
    "(200 gradients, eight rates from 1e-4 to 1)",
)

BETA1 = Float(
    "opt.beta1",
    0.5,
    0.98,
    one_minus=True,
    source="AlgoPerf, external tuning ruleset of AdamW: 1 - beta1 in [.02, .5], log",
)

BETA2 = Float(
    "opt.beta2",
    0.8,
    0.9999,
    one_minus=True,
    source="lower end: Schmidt et al. 2021, beta2 in [.8, .999]; upper end one decade beyond the "
    "default .999, the smallest 1 - beta2 (1e-4) of Choi et al. 2019 (On Empirical Comparisons of "
    "Optimizers for Deep Learning); log in 1 - beta2 as there",
)

MOMENTUM = Float(
    "opt.momentum",
    0.7,
    0.995,
    one_minus=True,
    source="AlgoPerf, external tuning ruleset of Nesterov momentum: 1 - beta1 in [.005, .3], log",
)

EPS = Float(
    "opt.eps",
    1e-10,
    1e-6,
    log=True,
    source="two decades to either side of the default 1e-8 of Kingma & Ba 2015; Choi et al. 2019 "
    "show that Adam's eps has to be tuned, from 1e-10 upwards",
)

WEIGHT_DECAY = Float(
    "opt.weight_decay",
    1e-4,
    1.0,
    log=True,
    source="AlgoPerf, external tuning ruleset of AdamW: [5e-3, 1], log; extended downwards to "
    "1e-4, so that 'nearly none' is inside (FlowAdam's own AdamW baseline ends at 1e-2)",
)

PENALTY = Float(
    "task.penalty",
    1e-7,
    1e-3,
    log=True,
    source="two decades to either side of the 1e-5 of FlowAdam's published tasks; Adam's best "
    "values on the tasks of this package lie between 3e-5 and 3e-4 (200 gradients, nine values "
    "from 1e-8 to 1e-2)",
)

PENALTY_DEFAULT = 1e-5
"""Weight of the L2 term in the loss of configuration 0: the value of FlowAdam's published tasks."""
