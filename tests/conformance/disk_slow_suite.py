#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One of three disks takes a second and a half for each sync: whom does that hurt?"""

import json
import os
import sys
import threading
import time

import pb
import promise
from cluster import Cluster
from faultdisk import SYNC, FaultDisk, require
from tap import check, equal, note, run

SECONDS = float(os.environ.get('DASSIE_SLOW_SECONDS', '12'))
SLEEP_SECONDS = 1.5


class Asker(threading.Thread):
    """Writes and reads at one node; how long each took."""

    def __init__(self, number, node):
        super().__init__(daemon=True)
        self.number, self.node = number, node
        self.writes, self.reads, self.errors = [], [], []
        self.running = True

    def run(self):
        with pb.Client(self.node.pb) as client:
            count = 0
            while self.running:
                count += 1
                key = b'a%d-%d' % (self.number, count % 50)
                try:
                    began = time.monotonic()
                    client.put(b'slow', key, pb.stamp(key, self.number, count, 200))
                    wrote = time.monotonic()
                    client.get(b'slow', key)
                    self.reads.append(time.monotonic() - wrote)
                    self.writes.append(wrote - began)
                except pb.Error as error:
                    self.errors.append(str(error))


def permille(times, share):
    return sorted(times)[min(len(times) - 1, len(times) * share // 1000)]


def ask(nodes, seconds):
    askers = [Asker(i, node) for i, node in enumerate(nodes) for _ in range(2)]
    for number, asker in enumerate(askers):
        asker.number = number
        asker.start()
    time.sleep(seconds)
    for asker in askers:
        asker.running = False
    for asker in askers:
        asker.join(30)
    errors = [error for asker in askers for error in asker.errors]
    return ([t for asker in askers for t in asker.writes],
            [t for asker in askers for t in asker.reads], errors)


def words(times):
    return (f'{len(times)}, p50 {permille(times, 500) * 1000:.1f} ms, '
            f'p99 {permille(times, 990) * 1000:.1f} ms, longest {max(times) * 1000:.0f} ms')


def told(cluster, node, word):
    with open(node.log, encoding='utf-8', errors='replace') as log:
        return sum(word in line for line in log)


def slow_members(node):
    """How many others it finds slow, as its metrics say."""
    lines = node.request('/metrics')[1].decode().splitlines()
    return int([line for line in lines if line.startswith('dassie_members_slow ')][0].split()[1])


def test_a_slow_disk_hurts_nobody_else(cluster):
    slow, *others = cluster.nodes
    # Leases are there before it begins, as in a cluster that has been serving for a while.
    ask(cluster.nodes, 2)
    downs = [told(cluster, node, 'unreachable') for node in cluster.nodes]
    cluster.prepared[0].slow(SYNC, SLEEP_SECONDS)
    writes, reads, errors = ask(others, SECONDS)
    note(f'at the others: writes {words(writes)}; reads {words(reads)}; errors {errors[:3]}')
    check(cluster.prepared[0].slowed >= SECONDS / SLEEP_SECONDS / 3, 'no sync was slow')
    equal(errors, [])
    check(len(writes) > 50 * SECONDS, 'too few writes to mean anything')
    for what, times in (('writes', writes), ('reads', reads)):
        check(permille(times, 990) < SLEEP_SECONDS / 5, what, 'wait for the disk:', words(times))
    writes, reads, errors = ask([slow], SECONDS / 2)
    note(f'at the slow one: writes {words(writes)}; reads {words(reads)}; errors {errors[:3]}')
    equal(errors, [])
    check(permille(writes, 990) < SLEEP_SECONDS / 5, 'its own disk is waited for:', words(writes))
    # It says so, once, and the others think so.
    equal(told(cluster, slow, 'the disk is slow'), 1)
    equal([slow_members(node) for node in others], [1, 1])
    # Never dead, and nobody thought so even for a moment.
    for node, before in zip(cluster.nodes, downs):
        equal(told(cluster, node, 'unreachable'), before, node.name, 'saw somebody go')
        members = json.loads(node.request('/dassie/v1/members')[1])['members']
        check(all(member['reachable'] for member in members), node.name, members)


def test_when_it_is_quick_again_nothing_is_missing(cluster):
    writers = promise.begin(2, cluster.nodes[0], seed=7) + promise.begin(
        2, cluster.nodes[1], first=2, seed=7)
    time.sleep(3)
    for writer in writers:
        writer.end()
    cluster.prepared[0].calm()
    wrong = promise.broken_promises(writers, cluster.nodes[0], r=pb.ALL)
    equal(wrong[:3], [], f'{len(wrong)} promises broken')
    check(sum(writer.stored for writer in writers) > 30)


if __name__ == '__main__':
    require()
    with Cluster(3, before=FaultDisk) as made:
        status = run(sys.modules[__name__], made)
        made.stop()
    sys.exit(status)
