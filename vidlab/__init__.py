"""vidlab: where does video inference time go, and why do masks flicker?"""

__version__ = "0.1.0"
