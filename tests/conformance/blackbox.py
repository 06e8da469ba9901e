#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Real processes under real faults. Five nodes; clients write at w=dw=quorum while nodes are killed
with -9, stopped and continued, and restarted. Afterwards every acknowledged write must be there at
r=quorum, or have been replaced by a write that had read it.

DASSIE_BLACKBOX_SECONDS says how long the writing goes on (60), DASSIE_BLACKBOX_SEED what happens
when."""

import os
import random
import signal
import sys
import threading
import time

import pb
from cluster import Cluster
from hints_suite import wait_drained
from tap import check, equal, note, raises, run

SECONDS = float(os.environ.get('DASSIE_BLACKBOX_SECONDS', '60'))
SEED = int(os.environ.get('DASSIE_BLACKBOX_SEED', '0')) or random.randrange(1, 1 << 32)
WRITERS = 6
SHARED_KEYS = 25
SHARED_TYPE = b'mult'
VALUE_BYTES = 500
TIMEOUT_MS = 3000
RESTART_SECONDS_MAX = 10


class Write:
    """One attempt to write a key that many write: who, which, and what it had read before."""

    def __init__(self, read):
        self.read = read
        self.acknowledged = False


class History:
    """What was written, by all writers."""

    def __init__(self):
        self.lock = threading.Lock()
        self.own = {}       # key that one writer wrote once -> (writer, number), acknowledged
        self.shared = {}    # key -> {(writer, number): Write}
        self.acknowledged = self.failed = 0

    def note(self, acknowledged):
        with self.lock:
            if acknowledged:
                self.acknowledged += 1
            else:
                self.failed += 1

    def attempt(self, key, identity, read):
        write = Write(read)
        with self.lock:
            self.shared.setdefault(key, {})[identity] = write
        return write


class Writer(threading.Thread):
    """Writes keys of its own and keys that all share, at one node after the other."""

    def __init__(self, number, nodes, history, draw):
        super().__init__(daemon=True)
        self.number, self.nodes, self.history, self.draw = number, nodes, history, draw
        self.client = None
        self.count = 0
        self.running = True
        self.broken = None

    def run(self):
        try:
            while self.running:
                self.one()
        except Exception as error:
            self.broken = error

    def one(self):
        self.count += 1
        try:
            if self.client is None:
                self.client = pb.Client(self.draw.choice(self.nodes).pb, timeout=TIMEOUT_MS / 1000)
            if self.count % 2:
                self.write_own()
            else:
                self.write_shared(b'shared-%d' % self.draw.randrange(SHARED_KEYS))
        except pb.Error:
            self.history.note(False)
        except (OSError, pb.Closed):
            self.history.note(False)
            if self.client is not None:
                self.client.close()
            self.client = None
            time.sleep(0.02)

    def write_own(self):
        key = b'own-%d-%d' % (self.number, self.count)
        value = pb.stamp(key, self.number, self.count, VALUE_BYTES)
        self.client.put(b'own', key, value, w=pb.QUORUM, dw=pb.QUORUM, timeout=TIMEOUT_MS)
        with self.history.lock:
            self.history.own[key] = (self.number, self.count)
        self.history.note(True)

    def write_shared(self, key):
        found = self.client.get(b'shared', key, type=SHARED_TYPE, r=pb.QUORUM, timeout=TIMEOUT_MS)
        read = {pb.unstamp(key, value) for value in found.values}
        identity = (self.number, self.count)
        write = self.history.attempt(key, identity, read)
        self.client.put(b'shared', key, pb.stamp(key, *identity, VALUE_BYTES), type=SHARED_TYPE,
                        context=found.context, w=pb.QUORUM, dw=pb.QUORUM, timeout=TIMEOUT_MS)
        write.acknowledged = True
        self.history.note(True)


class Faults:
    """Disturbs one node after the other, now and then two."""

    def __init__(self, cluster, draw):
        self.cluster, self.draw = cluster, draw
        self.kills = self.stops = self.restarts = 0

    def pause(self, low, high):
        time.sleep(self.draw.uniform(low, high))

    def kill(self, node):
        self.kills += 1
        node.kill()

    def restart(self, node):
        self.restarts += 1
        node.start()
        node.wait_ready()

    def kill_and_restart(self):
        node = self.draw.choice(self.cluster.nodes)
        self.kill(node)
        self.pause(0.2, 2)
        self.restart(node)

    def kill_two(self):
        nodes = self.draw.sample(self.cluster.nodes, 2)
        for node in nodes:
            self.kill(node)
        self.pause(0.2, 1)
        for node in nodes:
            node.start()
        for node in nodes:
            self.restarts += 1
            node.wait_ready()

    def stop_and_continue(self):
        node = self.draw.choice(self.cluster.nodes)
        self.stops += 1
        node.signal(signal.SIGSTOP)
        self.pause(0.2, 3)
        node.signal(signal.SIGCONT)

    def stop_for_long(self):
        """Until the others have taken it for down, and gone on without it."""
        node = self.draw.choice(self.cluster.nodes)
        self.stops += 1
        node.signal(signal.SIGSTOP)
        self.pause(9, 14)
        node.signal(signal.SIGCONT)

    def stop_one_and_kill_another(self):
        stopped, killed = self.draw.sample(self.cluster.nodes, 2)
        self.stops += 1
        stopped.signal(signal.SIGSTOP)
        self.pause(0.2, 1)
        self.kill(killed)
        stopped.signal(signal.SIGCONT)
        self.restart(killed)

    def politely(self):
        node = self.draw.choice(self.cluster.nodes)
        equal(node.stop(), 0, node.name, 'exit status')
        self.restart(node)

    def go_on(self, seconds):
        deeds = (self.kill_and_restart, self.stop_and_continue, self.kill_two,
                 self.stop_one_and_kill_another, self.politely, self.stop_for_long)
        end, number = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            # Each once in a fixed order, then by chance: a short run has seen them all.
            deed = deeds[number] if number < len(deeds) else self.draw.choice(deeds)
            number += 1
            deed()
            self.pause(0.3, 1.5)


def settled(client, *arguments, **named):
    """A read that may be tried again: directly after a restart a quorum may not be there yet."""
    end = time.monotonic() + 20
    while True:
        try:
            return client.get(*arguments, r=pb.QUORUM, timeout=TIMEOUT_MS, **named)
        except pb.Error:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


def lost_own(cluster, history):
    """Acknowledged writes of keys with one writer that are not there."""
    lost = []
    clients = [pb.Client(node.pb) for node in cluster.nodes]
    for number, (key, identity) in enumerate(sorted(history.own.items())):
        found = settled(clients[number % len(clients)], b'own', key)
        if found.value is None or pb.unstamp(key, found.value) != identity:
            lost.append((key, identity, found.values))
    for client in clients:
        client.close()
    return lost


def past_of(final, writes):
    """The final values and all that they replaced: what they had read, and what that had read."""
    past, rest = set(), list(final)
    while rest:
        identity = rest.pop()
        if identity not in past:
            past.add(identity)
            rest += writes[identity].read if identity in writes else ()
    return past


def judge_shared(key, writes, final):
    """What is wrong with the values that a key came to: invented ones, and writes that are lost."""
    wrong = [(key, identity, 'was never written') for identity in sorted(final - set(writes))]
    past = past_of(final, writes)
    return wrong + [(key, identity, sorted(final)) for identity, write in writes.items()
                    if write.acknowledged and identity not in past]


def lost_shared(cluster, history):
    lost = []
    with pb.Client(cluster.nodes[0].pb) as client:
        for key, writes in sorted(history.shared.items()):
            found = settled(client, b'shared', key, type=SHARED_TYPE)
            lost += judge_shared(key, writes, {pb.unstamp(key, value) for value in found.values})
    return lost


def test_the_judge_knows_a_lost_write():
    first, second, third = Write(set()), Write({(1, 1)}), Write({(1, 1)})
    first.acknowledged = second.acknowledged = True
    writes = {(1, 1): first, (2, 1): second, (3, 1): third}
    equal(judge_shared(b'k', writes, {(2, 1)}), [])
    equal(judge_shared(b'k', writes, {(2, 1), (3, 1)}), [])
    equal(judge_shared(b'k', writes, {(3, 1)}), [(b'k', (2, 1), [(3, 1)])])
    equal(judge_shared(b'k', writes, {(1, 1)}), [(b'k', (2, 1), [(1, 1)])])
    equal(len(judge_shared(b'k', writes, set())), 2)
    equal(judge_shared(b'k', writes, {(2, 1), (9, 9)}), [(b'k', (9, 9), 'was never written')])
    whole = pb.stamp(b'k', 1, 2, 100)
    equal(pb.unstamp(b'k', whole), (1, 2))
    raises(ValueError, pb.unstamp, b'other', whole)
    for at in range(len(whole)):
        raises(ValueError, pb.unstamp, b'k', whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1:])


def test_nothing_acknowledged_is_lost_among_five_nodes():
    note(f'DASSIE_BLACKBOX_SEED={SEED} DASSIE_BLACKBOX_SECONDS={SECONDS:g}')
    draw = random.Random(SEED)
    with Cluster(5, types={SHARED_TYPE.decode(): {'allow_mult': True}}) as cluster:
        history = History()
        writers = [Writer(i, cluster.nodes, history, random.Random(SEED + i))
                   for i in range(WRITERS)]
        faults = Faults(cluster, draw)
        for writer in writers:
            writer.start()
        faults.go_on(SECONDS)
        for writer in writers:
            writer.running = False
        for writer in writers:
            writer.join(30)
            check(writer.broken is None, 'a writer broke:', repr(writer.broken))
        wait_drained(cluster)
        note(f'{history.acknowledged} writes acknowledged, {history.failed} not; {faults.kills} '
             f'kills, {faults.stops} stops, {faults.restarts} restarts')
        check(faults.kills >= 3 and faults.stops >= 2, 'too few faults to mean anything')
        check(history.acknowledged >= 20 * SECONDS, 'too few writes to mean anything')
        equal(lost_own(cluster, history), [], 'lost')
        equal(lost_shared(cluster, history), [], 'lost')
        cluster.stop()


def test_kill_of_a_single_node_loses_nothing():
    draw = random.Random(SEED)
    history = History()
    with Cluster(1) as cluster:
        node = cluster.nodes[0]
        for round_number in range(5):
            writers = [Writer(100 * round_number + i, cluster.nodes, history, random.Random(i))
                       for i in range(4)]
            for writer in writers:
                writer.count = 1000000 * round_number
                writer.write_shared = lambda key, writer=writer: writer.write_own()
                writer.start()
            time.sleep(draw.uniform(0.3, 1.5))
            node.kill()
            for writer in writers:
                writer.running = False
            for writer in writers:
                writer.join(30)
                check(writer.broken is None, 'a writer broke:', repr(writer.broken))
            began = time.monotonic()
            node.start()
            node.wait_ready()
            spent = time.monotonic() - began
            note(f'{len(history.own)} writes acknowledged so far, restarted in {spent:.2f} s')
            check(spent < RESTART_SECONDS_MAX, f'the restart took {spent:.1f} s')
            equal(lost_own(cluster, history), [], 'lost')
        check(len(history.own) >= 500, 'too few writes to mean anything')
        cluster.stop()


if __name__ == '__main__':
    sys.exit(run(sys.modules[__name__]))
