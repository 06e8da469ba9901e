#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Replays the exchanges recorded from a real Riak against a single node, when ../shared/golden
stands beside the checkout. One test for each step.

    golden_suite.py [THEME ...] [--scenario WORD] [-v]

What is known to differ stands in golden-expected.txt with its reason, a line each:

    THEME SCENARIO STEP: REASON         (STEP may be *: the whole scenario)

and for people in docs/manual/differences.md. A step that differs and is not listed fails, and so
does a line for a step that no longer differs."""

import argparse
import os
import re
import subprocess
import sys

from cluster import ROOT, Cluster, read_types

GOLDEN = os.path.join(os.path.dirname(ROOT), 'shared', 'golden')
EXPECTED = os.path.join(os.path.dirname(os.path.realpath(__file__)), 'golden-expected.txt')
THEMES = ('kv-pb', 'kv-http', 'siblings', 'conditional', 'deletes', 'deletes-keep',
          'quorum-params', 'headers-metadata', 'url-encoding', 'bucket-props', 'bucket-types',
          'listing', 'resources', 'malformed-pb', 'malformed-http', 'connection-http')
STEP = re.compile(r'(\S+) (\S+) (\d+) (.*) -> (.*)')
DIFFERENCE = re.compile(r'(\S+) (\S+) step (\d+)(?: \(line .*?\))?:? ?(.*)')


def read_expected():
    """(theme, scenario, step or '*') -> reason."""
    expected = {}
    if os.path.exists(EXPECTED):
        with open(EXPECTED, encoding='utf-8') as file:
            for line in file:
                if line.strip() and not line.startswith('#'):
                    where, reason = line.split(': ', 1)
                    theme, scenario, step = where.split()
                    expected[theme, scenario, step] = reason.strip()
    return expected


def replay(node, themes, more):
    """Runs the tool: its lines."""
    files = [os.path.join(GOLDEN, theme + '.golden') for theme in themes]
    argv = [sys.executable, os.path.join(GOLDEN, 'golden.py'), 'check', '127.0.0.1', str(node.pb),
            str(node.http), *files, '-v', *more]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=600, check=False)
    if done.stderr:
        print('# ' + done.stderr.replace('\n', '\n# '))
    return done.stdout.splitlines()


def collect(lines):
    """({(theme, scenario, step): request}, {(theme, scenario, step): [difference, ...]})"""
    steps, differences = {}, {}
    for line in lines:
        step, difference = STEP.fullmatch(line), DIFFERENCE.fullmatch(line)
        if difference and not step:
            key = difference.group(1, 2, 3)
            differences.setdefault(key, []).append(difference.group(4))
        elif step:
            steps[step.group(1, 2, 3)] = step.group(4)
        elif not re.fullmatch(r'\d+ passed, \d+ failed.*|skipped .*', line):
            print('# ' + line)
    return steps, differences


def judge(steps, differences, expected):
    """Prints the results; how many failed."""
    failed = number = 0
    used = set()
    for key, request in steps.items():
        number += 1
        name = ' '.join(key) + ': ' + request.replace('#', '')[:80]
        whole = (key[0], key[1], '*')
        listed = key if key in expected else whole if whole in expected else None
        if key in differences and listed:
            used.add(listed)
            print(f'ok {number} {name} # SKIP differs: {expected[listed]}')
        elif key in differences:
            failed += 1
            print(f'not ok {number} {name}')
            for difference in differences[key]:
                print(f'# {" ".join(key)}: {difference}')
        else:
            print(f'ok {number} {name}')
    replayed = {key[0:2] for key in steps}
    for key in expected:
        if key not in used and key[0:2] in replayed:
            failed, number = failed + 1, number + 1
            print(f'not ok {number} {" ".join(key)} is listed and does not differ any more')
    print(f'1..{number}')
    return failed


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument('themes', nargs='*', default=THEMES)
    parser.add_argument('--scenario')
    parser.add_argument('-v', action='store_true', help='show every step of the tool')
    args = parser.parse_args()
    if not os.path.isdir(GOLDEN):
        print('1..0 # SKIP no recorded exchanges beside the checkout')
        return 0
    types, inactive = read_types(os.path.join(GOLDEN, 'types.txt'))
    more = ['--scenario', args.scenario] if args.scenario else []
    with Cluster(1, types=types, inactive=inactive, settings=('ring_size=64',),
                 host='@127.0.0.1') as cluster:
        themes = [theme for theme in args.themes if not theme.endswith('-keep')]
        lines = replay(cluster.nodes[0], themes, more) if themes else []
        if len(themes) != len(args.themes):
            lines += replay(cluster.nodes[0], ['deletes-keep'],
                            [*more, '--with', 'delete_mode=keep'])
        if args.v:
            print('\n'.join('# ' + line for line in lines))
        failed = judge(*collect(lines), read_expected())
        cluster.stop()
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
