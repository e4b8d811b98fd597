"""`python -m sarkmeli`."""

from sarkmeli.cli import main

main()
