"""The fixtures stand where other directories find them too."""

pytest_plugins = ["pair_fixtures"]
