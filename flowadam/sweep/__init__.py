"""Plan minus store, run, into the store."""

from flowadam.sweep.job import Catalog as Catalog
from flowadam.sweep.job import Engine as Engine
from flowadam.sweep.job import Observer as Observer
from flowadam.sweep.phases import SweepResult as SweepResult
from flowadam.sweep.phases import missing as missing
from flowadam.sweep.phases import sweep as sweep
from flowadam.sweep.prepare import grown_study as grown_study
from flowadam.sweep.prepare import open_store as open_store
from flowadam.sweep.stop import Stop as Stop
