"""``python -m flowadam``."""

from flowadam.cli import main

main()
