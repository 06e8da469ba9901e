#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The power fails under real nodes, again and again: each is killed, and of what it had not synced
a part is lost (faultdisk.py). All that was acknowledged must be there when it is back.

DASSIE_POWER_ROUNDS says how often (4), DASSIE_DISK_SEED how."""

import os
import random
import sys
import time

import pb
import promise
from cluster import Cluster
from disk_failure_suite import SEED, Place, kept
from faultdisk import SYNC, FaultDisk, require
from tap import check, equal, note, run

ROUNDS = int(os.environ.get('DASSIE_POWER_ROUNDS', '4'))


def test_a_node_keeps_what_it_acknowledged():
    note(f'DASSIE_DISK_SEED={SEED} DASSIE_POWER_ROUNDS={ROUNDS}')
    draw = random.Random(SEED)
    lost = names = 0
    with Place() as place:
        writers = []
        for number in range(ROUNDS):
            place.start()
            kept(place, writers[-12:], f'round {number}:')
            size = draw.choice((100, 1000, 20000))
            writers += promise.begin(4, place.node, first=len(writers), seed=SEED, size=size)
            time.sleep(draw.uniform(0.1, 1.2))
            place.node.kill()
            for writer in writers[-4:]:
                writer.end()
            more_lost, more_names = place.disk.power_cut(draw)
            lost, names = lost + more_lost, names + more_names
        place.start()
        kept(place, writers, 'in the end:')
        equal(place.node.stop(), 0)
    acknowledged = sum(writer.acknowledged for writer in writers)
    note(f'{ROUNDS} power losses, {acknowledged} writes acknowledged, {lost} bytes and {names} '
         f'names lost')
    check(acknowledged > 30 * ROUNDS, 'too few writes to mean anything')
    check(lost > 100 * ROUNDS, 'too little was lost to mean anything')


def test_a_start_is_cut_short():
    """The power fails while a node starts, which reads what the last power loss has left."""
    draw = random.Random(SEED + 1)
    with Place() as place:
        place.start()
        writers = promise.begin(4, place.node, seed=SEED)
        time.sleep(0.8)
        place.node.kill()
        for writer in writers:
            writer.end()
        for _ in range(2 * ROUNDS):
            place.disk.power_cut(draw)
            place.node.start()
            time.sleep(draw.uniform(0, 0.15))
            place.node.kill()
        place.disk.power_cut(draw)
        place.start()
        kept(place, writers, 'after starts that were cut short:')
        equal(place.node.stop(), 0)


def test_a_cluster_keeps_what_it_acknowledged():
    """All nodes at once."""
    draw = random.Random(SEED + 2)
    settings = ('storage.memtable_size=1MB', 'storage.free_min=0')
    with Cluster(3, settings=settings, before=FaultDisk) as cluster:
        disks = cluster.prepared
        writers = []
        for number in range(max(1, ROUNDS // 2)):
            fresh = [promise.Writer(len(writers) + i, node, seed=SEED)
                     for i, node in enumerate(cluster.nodes)]
            writers += fresh
            for writer in fresh:
                writer.start()
            time.sleep(draw.uniform(0.5, 1.5))
            for node in cluster.nodes:
                node.kill()
            for writer in fresh:
                writer.end()
            for disk in disks:
                disk.power_cut(draw)
            for node in cluster.nodes:
                node.start()
            cluster.wait_whole()
            wrong = promise.broken_promises(writers, cluster.nodes[number % 3], r=pb.QUORUM)
            equal(wrong[:3], [], f'round {number}: {len(wrong)} promises broken')
        acknowledged = sum(writer.acknowledged for writer in writers)
        note(f'{acknowledged} writes acknowledged')
        check(acknowledged > 30, 'too few writes to mean anything')
        cluster.stop()


def test_a_disk_that_lies_is_found_out():
    """Were a write acknowledged before its sync, these tests would see it: here is a disk that only
    says that it has synced."""
    # Nothing but the log is written meanwhile: a table that is lost, too, would prevent the start.
    with Place(settings=('storage.free_min=0',)) as place:
        place.start()
        writers = promise.begin(4, place.node, seed=SEED, delete=0)
        time.sleep(0.3)
        place.disk.arm(SYNC, 0)
        time.sleep(0.5)
        place.node.kill()
        for writer in writers:
            writer.end()
        place.disk.calm()
        lost, _ = place.disk.power_cut(random.Random(SEED + 3), all_bytes=True)
        check(lost > 0, 'no byte was lost')
        place.start()
        wrong = promise.broken_promises(writers, place.node)
        note(f'{len(wrong)} promises broken by a lying disk')
        check(wrong, 'nothing was lost')
        equal(place.node.stop(), 0)


if __name__ == '__main__':
    require()
    sys.exit(run(sys.modules[__name__]))
