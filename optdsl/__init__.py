"""optdsl: a specification-driven optimizer compiler."""

__version__ = "0.1.0"
