"""A module whose import ends the process. Not a test module."""

import os

os._exit(5)
