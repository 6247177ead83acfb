"""`python -m optdsl`: the command line, for a checkout that is not installed."""

from optdsl.cli import main

main()
