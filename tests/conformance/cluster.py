#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A cluster of real nodes on loopback, for tests.

    with Cluster(3, types={'mult': {'allow_mult': True}}) as cluster: ...

Each node is `build/dassie start` on free ports with a data directory of its own below one temporary
directory; nodes are joined by the command line, as a person would do it. What was started is
stopped by its process id. DASSIE_BINARY names another program.

    cluster.py [--nodes N] [--types FILE] -- COMMAND [ARGUMENT ...]

runs a command with DASSIE_NODES set to `HOST:PB:HTTP` of each node, comma-separated."""

import argparse
import ctypes
import http.client
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
BINARY = os.environ.get('DASSIE_BINARY', os.path.join(ROOT, 'build', 'dassie'))
READY_SECONDS = 60
STOP_SECONDS = 20
LOG_LINES_SHOWN = 30
PR_SET_PDEATHSIG = 1


def free_ports(count):
    """Ports nobody listens on, below the range from which the system takes those of clients: so
    that none is taken between now and the node's start."""
    ports, sockets = [], []
    while len(ports) < count:
        port = random.randrange(10240, 32000)
        probe = socket.socket()
        sockets.append(probe)
        try:
            probe.bind(('127.0.0.1', port))
            ports.append(port)
        except OSError:
            pass
    for probe in sockets:
        probe.close()
    return ports


def die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def dassie(*arguments, status=0, **options):
    """Runs the command line; the finished process. Any exit status is fine where `status` is
    None."""
    done = subprocess.run([BINARY, *arguments], capture_output=True, timeout=60, check=False,
                          **options)
    if status is not None and done.returncode != status:
        raise AssertionError(f'dassie {" ".join(arguments)}: exit status {done.returncode}, wanted '
                             f'{status}\n{done.stdout.decode()}{done.stderr.decode()}')
    return done


class Node:
    def __init__(self, name, folder, settings=()):
        self.name = name
        self.data = os.path.join(folder, name)
        self.log = os.path.join(folder, name + '.log')
        self.pb, self.http, self.peer = free_ports(3)
        self.settings = ('storage.ballast=0', *settings)
        self.environment = None
        self.process = None

    def arguments(self):
        return ['start', '--name', self.name, '--data', self.data,
                '--pb', f'127.0.0.1:{self.pb}', '--http', f'127.0.0.1:{self.http}',
                '--peer', f'127.0.0.1:{self.peer}',
                *[word for setting in self.settings for word in ('--set', setting)]]

    def start(self):
        with open(self.log, 'ab') as log:
            self.process = subprocess.Popen([BINARY, *self.arguments()], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, env=self.environment,
                                            preexec_fn=die_with_parent)

    def request(self, path, method='GET', body=None, headers=None, timeout=10):
        """(status, body) of an HTTP request."""
        connection = http.client.HTTPConnection('127.0.0.1', self.http, timeout=timeout)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def is_ready(self):
        try:
            return self.request('/dassie/v1/ready', timeout=2)[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def wait_ready(self, seconds=READY_SECONDS):
        end = time.monotonic() + seconds
        while not self.is_ready():
            if self.process.poll() is not None:
                raise AssertionError(f'{self.name} ended with status {self.process.returncode}\n'
                                     + self.log_end())
            if time.monotonic() > end:
                raise AssertionError(f'{self.name} is not ready after {seconds} s\n'
                                     + self.log_end())
            time.sleep(0.02)

    def log_end(self):
        with open(self.log, encoding='utf-8', errors='replace') as log:
            return ''.join(log.readlines()[-LOG_LINES_SHOWN:])

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self):
        """Asks it to stop; the exit status."""
        if self.process is None or self.process.poll() is not None:
            return self.process.returncode if self.process else None
        self.process.send_signal(signal.SIGTERM)
        self.process.send_signal(signal.SIGCONT)
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f'{self.name} did not stop within {STOP_SECONDS} s\n'
                                 + self.log_end())

    def kill(self):
        self.process.kill()
        self.process.wait()

    def memory(self):
        """Resident bytes."""
        with open(f'/proc/{self.process.pid}/statm', encoding='ascii') as file:
            return int(file.read().split()[1]) * os.sysconf('SC_PAGESIZE')


class Cluster:
    """`before` is called with each node before it starts; what it returns is in `prepared`."""

    def __init__(self, count=3, types=None, inactive=(), settings=(), keep=False, host='',
                 before=None):
        self.folder = tempfile.mkdtemp(prefix='dassie-test-')
        self.keep = keep
        self.types, self.inactive = types or {}, set(inactive)
        self.nodes = [Node(f'n{i + 1}{host}', self.folder, settings) for i in range(count)]
        self.prepared = [before(node) for node in self.nodes] if before else []

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def start(self):
        for node in self.nodes:
            node.start()
        for node in self.nodes:
            node.wait_ready()
        self.join()
        for name, props in self.types.items():
            self.command('bucket-type', 'create', name, json.dumps({'props': props}))
            if name not in self.inactive:
                self.command('bucket-type', 'activate', name)

    def join(self):
        first, *others = self.nodes
        for node in others:
            dassie('cluster', 'join', f'127.0.0.1:{first.peer}', '--at', f'127.0.0.1:{node.http}')
        if others:
            self.command('cluster', 'plan')
            self.command('cluster', 'commit')
        self.wait_whole()

    def wait_whole(self):
        """Until every node knows all as members and reaches them. That one of them is ready says
        less: another may not have noticed yet that it is back."""
        end = time.monotonic() + READY_SECONDS
        while not all(self.knows_all(node) for node in self.nodes):
            if time.monotonic() > end:
                raise AssertionError('the nodes do not agree on who is a member:\n'
                                     + '\n'.join(node.log_end() for node in self.nodes))
            time.sleep(0.02)

    def knows_all(self, node):
        if not node.is_ready():
            return False
        done = dassie('cluster', 'status', '-o', 'json', '--at', f'127.0.0.1:{node.http}',
                      status=None)
        if done.returncode != 0:
            return False
        members = json.loads(done.stdout)['members']
        return len(members) == len(self.nodes) and all(
            member['state'] == 'valid' and member['reachable'] and member['partitions'] > 0
            for member in members)

    def command(self, *arguments, node=0, **options):
        """An administrative command at a node."""
        return dassie(*arguments, '--at', f'127.0.0.1:{self.nodes[node].http}', **options)

    def close(self):
        for node in self.nodes:
            if node.process is not None and node.process.poll() is None:
                node.process.kill()
                node.process.wait()
        if not self.keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    def stop(self):
        """Stops all nodes in order; each must exit with 0."""
        for node in self.nodes:
            status = node.stop()
            if status != 0:
                raise AssertionError(f'{node.name} ended with status {status}\n{node.log_end()}')

    def environment(self):
        nodes = ','.join(f'127.0.0.1:{node.pb}:{node.http}' for node in self.nodes)
        return {**os.environ, 'DASSIE_NODES': nodes}


def read_types(path):
    """(types, inactive ones) of a file with `NAME JSON` in each line. What stands below a comment
    that says "never activated" is only created."""
    types, inactive, active = {}, [], True
    with open(path, encoding='utf-8') as file:
        for line in file:
            if line.startswith('#'):
                active = active and 'never activated' not in line
            elif line.strip():
                name, text = line.split(None, 1)
                types[name] = json.loads(text)['props']
                if not active:
                    inactive.append(name)
    return types, inactive


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument('--nodes', type=int, default=3)
    parser.add_argument('--types')
    parser.add_argument('command', nargs='+')
    args = parser.parse_args()
    types, inactive = read_types(args.types) if args.types else ({}, ())
    with Cluster(args.nodes, types=types, inactive=inactive) as cluster:
        done = subprocess.run(args.command, env=cluster.environment(), check=False)
        cluster.stop()
    return done.returncode


if __name__ == '__main__':
    sys.exit(main())
