"""The fixtures, reports and measured times of tests/pair, for the tests of this directory."""

pytest_plugins = ["pair_fixtures"]
