# SPDX-License-Identifier: Apache-2.0
"""Runs the test functions of a script and speaks TAP, as tests/lib/tap.h does for C.

    def test_ping(cluster): ...        every function whose name begins with test_, in their order

A test fails by an exception; check() and equal() raise one that shows both sides. `python3 FILE
WORD` runs the tests whose name contains WORD. A test that calls no check has asserted nothing and
fails."""

import inspect
import sys
import time
import traceback


class Skip(Exception):
    """The test cannot run here; the reason says why."""


class Failed(AssertionError):
    pass


checks = 0


def check(held, *told):
    global checks
    checks += 1
    if not held:
        raise Failed(' '.join(str(word) for word in told) or 'check failed')


def equal(got, wanted, *told):
    words = ' '.join(str(word) for word in told)
    check(got == wanted, f'{words}{": " if words else ""}got {got!r:.600}, wanted {wanted!r:.600}')


def raises(kind, function, *arguments, **named):
    """Calls the function, which must raise `kind`; returns the exception."""
    try:
        function(*arguments, **named)
    except kind as error:
        check(True)
        return error
    raise Failed(f'{getattr(function, "__name__", function)} raised no {kind}')


def note(text):
    print('\n'.join('# ' + line for line in str(text).splitlines()), flush=True)


def run(module, *arguments):
    """Runs the tests of a module with the given arguments; the exit status."""
    global checks
    words = sys.argv[1:]
    tests = [(name[5:], function) for name, function in inspect.getmembers(module)
             if name.startswith('test_') and inspect.isfunction(function)]
    tests.sort(key=lambda test: test[1].__code__.co_firstlineno)
    tests = [test for test in tests if not words or any(word in test[0] for word in words)]
    failed = 0
    for number, (name, function) in enumerate(tests, 1):
        checks = 0
        began = time.monotonic()
        try:
            function(*arguments)
            if checks == 0:
                raise Failed('asserted nothing')
            print(f'ok {number} {name}', flush=True)
        except Skip as reason:
            print(f'ok {number} {name} # SKIP {reason}', flush=True)
        except Exception:
            failed += 1
            print(f'not ok {number} {name}', flush=True)
            note(traceback.format_exc())
        spent = time.monotonic() - began
        if spent > 2:
            note(f'{name} took {spent:.1f} s')
    print(f'1..{len(tests)}', flush=True)
    return 1 if failed else 0
