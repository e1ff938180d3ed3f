"""Plan minus store, run, into the store."""

from flowadam.sweep.bench import Bench as Bench
from flowadam.sweep.configurations import configuration_of as configuration_of
from flowadam.sweep.job import Catalog as Catalog
from flowadam.sweep.job import Engine as Engine
from flowadam.sweep.job import Observer as Observer
from flowadam.sweep.local import LocalEngine as LocalEngine
from flowadam.sweep.origins import noted_catalog as noted_catalog
from flowadam.sweep.origins import noted_tasks as noted_tasks
from flowadam.sweep.phases import SweepResult as SweepResult
from flowadam.sweep.phases import missing as missing
from flowadam.sweep.phases import sweep as sweep
from flowadam.sweep.planned import planned as planned
from flowadam.sweep.prepare import grown_study as grown_study
from flowadam.sweep.prepare import open_store as open_store
from flowadam.sweep.ray_engine import RayEngine as RayEngine
from flowadam.sweep.stop import Stop as Stop
