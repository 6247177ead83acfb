"""The version of optdsl, in the one place that everything else asks."""

__version__ = "0.2.0.dev0"
