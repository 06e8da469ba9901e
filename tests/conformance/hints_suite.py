#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hints, with real processes: what is written while nodes are dead is kept by others, survives
their death too, and is handed over when the dead are back. Five nodes, three replicas."""

import json
import sys
import time

import pb
from cluster import Cluster
from tap import check, equal, note, run

KEYS = 300
DRAIN_SECONDS = 30


def kept(cluster, nodes):
    """The objects that these nodes keep for others."""
    total = 0
    for node in nodes:
        status, body = node.request('/dassie/v1/transfers')
        equal(status, 200)
        total += json.loads(body)['transfers']['hints']
    return total


def wait_drained(cluster):
    cluster.wait_whole()
    end = time.monotonic() + DRAIN_SECONDS
    while kept(cluster, cluster.nodes) > 0:
        check(time.monotonic() < end, 'hints remain:', kept(cluster, cluster.nodes))
        time.sleep(0.1)


def wait_missed(cluster, dead):
    """Until every node that lives takes the dead ones for down."""
    end = time.monotonic() + DRAIN_SECONDS
    for node in cluster.nodes:
        while node not in dead:
            members = json.loads(node.request('/dassie/v1/members')[1])['members']
            if sum(not member['reachable'] for member in members) == len(dead):
                break
            check(time.monotonic() < end, 'the dead are not missed')
            time.sleep(0.05)


def repairs(cluster):
    return sum(json.loads(node.request('/stats', headers={'Accept': 'application/json'})[1])
               ['read_repairs_total'] for node in cluster.nodes)


def key_of(number):
    return b'key%d' % number


def write_all(node, bucket, value, **options):
    with pb.Client(node.pb) as client:
        for i in range(KEYS):
            client.put(bucket, key_of(i), value + key_of(i), **options)


def read_all(node, bucket, value, **options):
    """How many keys are read as they were written."""
    with pb.Client(node.pb) as client:
        return sum(client.get(bucket, key_of(i), **options).value == value + key_of(i)
                   for i in range(KEYS))


def test_what_a_dead_node_missed_is_handed_over(cluster):
    dead, *living = cluster.nodes
    dead.kill()
    wait_missed(cluster, [dead])
    write_all(living[0], b'one', b'v', w=3, dw=3)
    owed = kept(cluster, living)
    note(f'{owed} objects of {KEYS} are kept for the dead node')
    check(owed > KEYS / 5, 'too few:', owed)
    # Those who keep them die, too.
    for node in living:
        node.kill()
    for node in living:
        node.start()
    for node in living:
        node.wait_ready()
    equal(kept(cluster, living), owed)
    dead.start()
    wait_drained(cluster)
    before = repairs(cluster)
    equal(read_all(dead, b'one', b'v', r=3, pr=3), KEYS)
    time.sleep(1)
    equal(repairs(cluster), before, 'a read had to repair what a hint should have')


def test_writes_go_on_while_two_nodes_live(cluster):
    *dead, first, second = cluster.nodes
    for node in dead:
        node.kill()
    wait_missed(cluster, dead)
    write_all(first, b'two', b'w', w=2, dw=2)
    equal(read_all(second, b'two', b'w', r=2), KEYS)
    for node in dead:
        node.start()
    wait_drained(cluster)
    equal(read_all(dead[0], b'two', b'w', r=3, pr=3), KEYS)


def test_nothing_is_said_to_be_missing(cluster):
    """Two of three replicas are dead: what they alone may have is not 'not found'."""
    *living, first, second = cluster.nodes
    write_all(living[0], b'three', b'x', w=3, dw=3)
    first.kill()
    second.kill()
    wait_missed(cluster, [first, second])
    equal(read_all(living[0], b'three', b'x', r=2), KEYS)
    missing = errors = 0
    with pb.Client(living[1].pb) as client:
        for i in range(KEYS):
            try:
                missing += client.get(b'three', b'none%d' % i, r=2).value is None
            except pb.Error as error:
                check('r_val_unsatisfied' in str(error), str(error))
                errors += 1
    note(f'{missing} not found, {errors} that nobody can tell')
    check(missing > 0 and errors > 0)
    equal(missing + errors, KEYS)
    first.start()
    second.start()
    wait_drained(cluster)


if __name__ == '__main__':
    with Cluster(5, settings=['anti_entropy=off']) as made:
        status = run(sys.modules[__name__], made)
        made.stop()
    sys.exit(status)
