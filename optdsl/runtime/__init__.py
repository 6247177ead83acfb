"""What generated files import, one package for each framework."""
