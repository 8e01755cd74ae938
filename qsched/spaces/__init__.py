"""Search spaces: named parameters -> schedule, and back."""

from qsched.spaces.parameters import Choice, Float, Int, Parameter, Value
from qsched.spaces.space import SearchSpace, load_space

__all__ = ["Choice", "Float", "Int", "Parameter", "SearchSpace", "Value", "load_space"]
