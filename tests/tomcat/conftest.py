"""The fixtures, reports and measured times of tests/pair, for the tests of this directory."""

import importlib.util
import sys
from pathlib import Path

PAIR_CONFTEST = Path(__file__).resolve().parents[1] / "pair" / "conftest.py"


def _load_as(name, path):
    """Both directories have a `conftest`, so that one needs another name here."""
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    sys.path.insert(0, str(path.parent))
    spec.loader.exec_module(module)


_load_as("pair_conftest", PAIR_CONFTEST)
pytest_plugins = ["pair_conftest"]
