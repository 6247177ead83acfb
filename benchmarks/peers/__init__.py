"""A module a system; each has a function for every kind of work that it can do."""
