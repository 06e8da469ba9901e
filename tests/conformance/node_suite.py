#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs node/suite.js against a cluster of three nodes and prints its results as plain TAP."""

import os
import re
import shutil
import subprocess
import sys

from cluster import Cluster

FOLDER = os.path.join(os.path.dirname(os.path.realpath(__file__)), 'node')
TYPES = {'mult': {'allow_mult': True}, 'changing': {}}


def main():
    if not shutil.which('node') or not os.path.isdir(os.path.join(FOLDER, 'node_modules')):
        print('1..0 # SKIP node or its packages are not installed: tools/setup test')
        return 0
    with Cluster(3, types=TYPES) as cluster:
        done = subprocess.run(['node', '--test-reporter=tap', 'suite.js'], cwd=FOLDER,
                              env=cluster.environment(), stdout=subprocess.PIPE, text=True,
                              check=False)
        # Node nests its results and explains failures in YAML; the top level is what counts.
        for line in done.stdout.splitlines():
            plain = re.match(r'(ok|not ok|1\.\.\d+)', line)
            print(line if plain else '# ' + line, flush=True)
        if done.returncode not in (0, 1):
            print(f'Bail out! node ended with status {done.returncode}')
        cluster.stop()
    return done.returncode


if __name__ == '__main__':
    sys.exit(main())
