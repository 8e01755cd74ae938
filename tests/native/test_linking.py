"""What is private to an entry point computes what it did, and other code is left alone."""

from numba import int64, njit
from numba.core.registry import cpu_target

from qsched.native.linking import private_callees


@njit(no_cpython_wrapper=True, no_cfunc_wrapper=True)
def gcd(a, b):
    return a if b == 0 else gcd(b, a % b)


@njit
def entry(a, b):
    return gcd(a, b) + gcd(a, 2 * b)


@njit
def other(a, b):
    return gcd(a, b)


def test_callees_are_private_and_compute_the_same():
    with private_callees():
        entry.compile((int64, int64))
    assert entry(48, 36) == 12 + 24
    (name,) = entry.inspect_llvm()
    definitions = [line for line in entry.inspect_llvm(name).splitlines() if "define" in line]
    own = [line for line in definitions if "gcd" in line]
    assert own
    assert all("private" in line for line in own)


def test_code_that_is_compiled_otherwise_is_as_before():
    with private_callees():
        pass
    assert "create_library" not in vars(cpu_target.target_context.codegen())
    assert other(48, 36) == 12
    (name,) = other.inspect_llvm()
    definitions = [line for line in other.inspect_llvm(name).splitlines() if "define" in line]
    assert all("private" not in line for line in definitions if "gcd" in line)
