"""MLflow as a mirror of the store: written by the driver alone, and rebuilt from the store."""

from flowadam.tracking.mirror import Mirror as Mirror
from flowadam.tracking.ui import ui_command as ui_command
from flowadam.tracking.ui import ui_environment as ui_environment
