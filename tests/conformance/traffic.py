# SPDX-License-Identifier: Apache-2.0
"""Clients that read and write while a cluster changes, and remember what they were promised.

Each key has one writer. It writes with the context of its last acknowledged write, in a bucket with
siblings, so a write whose outcome nobody told may come late and stand beside a newer one, but never
replaces it. So a key must show what was acknowledged last, or something of that writer that was
tried upon it; and beside it nothing but attempts whose outcome is unknown."""

import os
import random
import re
import socket
import threading
import time

import pb

TYPE, BUCKET = b'mult', b'moves'
VALUE_BYTES = 300
TIMEOUT_MS = 5000
SLOPPY = os.environ.get('DASSIE_MOVES_SLOPPY') == '1'
WINDOW = 64             # requests sent ahead of their answers, where many keys are walked through
NEW_KEY_SHARE = 0.05    # of the operations
OPERATIONS_AT_ONE_NODE = 20
ALLOWED = re.compile(r'overload|timeout|stopping|unreachable|all_nodes_down|insufficient_vnodes'
                     r'|(p?r|p?w|dw)_val_unsatisfied')


class Key:
    def __init__(self):
        self.acknowledged = None
        self.context = None
        self.doubtful = set()   # attempts whose outcome is unknown

    def allows(self, found):
        """Whether a read that began after the last write may show these numbers."""
        if self.acknowledged is None:
            return found <= self.doubtful
        replaced = any(number > self.acknowledged for number in found)
        return (self.acknowledged in found or replaced) and (
            found <= self.doubtful | {self.acknowledged})


def get_fields(name):
    return [(1, BUCKET), (2, name), (10, TIMEOUT_MS), (11, SLOPPY), (13, TYPE)]


def put_fields(name, value, context):
    return [(1, BUCKET), (2, name), (3, context), (4, [(1, value)]), (11, True),
            (12, TIMEOUT_MS), (14, SLOPPY), (16, TYPE)]


class Worker(threading.Thread):
    """One client with keys of its own, at one node after the other."""

    def __init__(self, traffic, number, count):
        super().__init__(daemon=True)
        self.traffic, self.number = traffic, number
        self.draw = random.Random(traffic.seed * 1000 + number)
        self.keys = {}
        self.names = []
        self.sequence = 0
        self.client, self.left_here = None, 0
        self.broken = None
        for _ in range(count):
            self.add_key()

    def add_key(self):
        name = b'w%d-%d' % (self.number, len(self.names))
        self.keys[name] = Key()
        self.names.append(name)
        return name

    def value(self, name):
        self.sequence += 1
        return pb.stamp(name, self.number, self.sequence, VALUE_BYTES)

    def load(self, node):
        """Writes all keys once, many at a time."""
        with pb.Client(node.pb, timeout=60) as client:
            for at in range(0, len(self.names), WINDOW):
                names = self.names[at:at + WINDOW]
                for name in names:
                    client.send(pb.PUT, put_fields(name, self.value(name), None))
                for number, name in enumerate(names, self.sequence - len(names) + 1):
                    self.acknowledge(name, number, pb.Object(client.receive()[1]))

    def acknowledge(self, name, number, answer):
        key = self.keys[name]
        key.acknowledged, key.context = number, answer.context

    def run(self):
        try:
            while self.traffic.running:
                self.one()
                time.sleep(self.traffic.pause)
        except Exception as error:
            self.broken = error
        self.hang_up()

    def hang_up(self):
        if self.client is not None:
            self.client.close()
        self.client = None

    def one(self):
        phase, began = self.traffic.phase, time.monotonic()
        try:
            if self.client is None or self.left_here == 0:
                self.hang_up()
                node = self.draw.choice(self.traffic.nodes())
                self.client = pb.Client(node.pb, timeout=TIMEOUT_MS / 1000 + 1)
                self.left_here = OPERATIONS_AT_ONE_NODE
            self.left_here -= 1
            if self.draw.random() < NEW_KEY_SHARE:
                self.write(self.add_key())
            elif self.draw.random() < 0.5:
                self.write(self.draw.choice(self.names))
            else:
                self.read(self.draw.choice(self.names))
            phase.took((time.monotonic() - began) * 1000)
        except pb.Error as error:
            phase.failed(str(error))
            time.sleep(0.02)
        except (OSError, pb.Closed) as error:
            stalled = isinstance(error, socket.timeout)
            phase.failed('no answer' if stalled else 'no connection')
            self.hang_up()
            time.sleep(0.02)

    def write(self, name):
        key, value = self.keys[name], self.value(name)
        number = self.sequence
        key.doubtful.add(number)
        self.client.send(pb.PUT, put_fields(name, value, key.context))
        self.acknowledge(name, number, pb.Object(self.client.receive()[1]))
        key.doubtful.discard(number)

    def read(self, name):
        self.client.send(pb.GET, get_fields(name))
        self.traffic.judge(name, self.keys[name], pb.Object(self.client.receive()[1]))


class Phase:
    """What clients saw in one stretch of time."""

    def __init__(self, name):
        self.name = name
        self.times = []
        self.errors = {}
        self.lock = threading.Lock()

    def took(self, ms):
        self.times.append(ms)

    def failed(self, error):
        with self.lock:
            self.errors[error] = self.errors.get(error, 0) + 1

    def percentile(self, share):
        times = sorted(self.times)
        return times[min(len(times) - 1, int(len(times) * share))] if times else 0

    def __str__(self):
        errors = ', '.join(f'{error}: {count}' for error, count in sorted(self.errors.items()))
        return (f'{self.name}: {len(self.times)} operations, p50 {self.percentile(0.5):.1f} ms, '
                f'p99 {self.percentile(0.99):.1f} ms, slowest {self.percentile(1):.0f} ms; '
                f'errors: {errors or "none"}')


class Traffic:
    """`nodes` is called for the list of nodes that clients may use now."""

    def __init__(self, nodes, workers, keys, pause=0.004, seed=1):
        self.nodes, self.pause, self.seed = nodes, pause, seed
        self.phases = []
        self.phase = None
        self.missing, self.stale, self.damaged = [], [], []
        self.running = True
        self.workers = [Worker(self, i, keys // workers) for i in range(workers)]

    def load(self):
        self.together(lambda worker, nodes: worker.load(nodes[worker.number % len(nodes)]))

    def together(self, deed):
        """Does something with each worker's keys, in a thread each."""
        failures = []

        def attempt(worker):
            try:
                deed(worker, self.nodes())
            except Exception as error:
                failures.append(error)
        threads = [threading.Thread(target=attempt, args=(worker,)) for worker in self.workers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]

    def enter(self, name):
        self.phase = Phase(name)
        self.phases.append(self.phase)

    def begin(self, name):
        self.enter(name)
        for worker in self.workers:
            worker.start()

    def end(self):
        """What broke of the clients themselves."""
        self.running = False
        for worker in self.workers:
            worker.join(30)
        return [repr(worker.broken) for worker in self.workers if worker.broken is not None]

    def judge(self, name, key, answer):
        try:
            found = {pb.unstamp(name, value)[1] for value in answer.values}
        except ValueError as error:
            self.damaged.append((name, str(error)))
            return
        if not found and key.acknowledged is not None:
            self.missing.append((self.phase.name, name, key.acknowledged))
        elif not key.allows(found):
            self.stale.append((self.phase.name, name, found, key.acknowledged, key.doubtful))

    def refused_errors(self):
        """Errors that no client should have got."""
        return sorted({error for phase in self.phases for error in phase.errors
                       if error not in ('no answer', 'no connection')
                       and not ALLOWED.search(error)})

    def read_all(self, node):
        """Reads every key through a node, and judges; how many there are."""
        def walk(worker, _):
            with pb.Client(node.pb, timeout=60) as client:
                for at in range(0, len(worker.names), WINDOW):
                    names = worker.names[at:at + WINDOW]
                    for name in names:
                        client.send(pb.GET, get_fields(name))
                    for name in names:
                        self.judge(name, worker.keys[name], pb.Object(client.receive()[1]))
        self.together(walk)
        return sum(len(worker.names) for worker in self.workers)
