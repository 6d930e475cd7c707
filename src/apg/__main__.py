"""`python -m apg` is the command `apg`."""

from apg.cli import main

main()
