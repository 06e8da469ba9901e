#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Anti-entropy, with real processes: three nodes, each with a replica of everything, so that nobody
keeps anything for one that is dead. What it missed it gets when it is back, though nobody reads."""

import json
import sys
import time

import pb
from cluster import Cluster, dassie
from tap import check, equal, note, run

KEYS = 800
REPAIR_SECONDS = 60
VALUE = b'v' * 300


def told(node):
    status, body = node.request('/dassie/v1/aae')
    equal(status, 200)
    return json.loads(body)


def total(cluster, what):
    return sum(told(node)[what] for node in cluster.nodes)


def wait_for(what, condition, seconds=REPAIR_SECONDS):
    end = time.monotonic() + seconds
    while not condition():
        check(time.monotonic() < end, 'too long:', what)
        time.sleep(0.2)


def write_all(node, bucket, value):
    with pb.Client(node.pb) as client:
        for i in range(KEYS):
            client.put(bucket, b'key%d' % i, value, w=2, dw=2)


def write_while_dead(cluster, dead, bucket):
    """Old values everywhere, new ones at the others. The moment when it is back."""
    living = [node for node in cluster.nodes if node is not dead]
    write_all(living[0], bucket, b'old')
    dead.kill()
    write_all(living[0], bucket, VALUE)
    moment = time.monotonic()
    dead.start()
    cluster.wait_whole()
    return moment


def read_alone(cluster, node, bucket):
    """How many keys this node alone has as they were written last."""
    others = [other for other in cluster.nodes if other is not node]
    for other in others:
        other.kill()
    with pb.Client(node.pb) as client:
        right = sum(client.get(bucket, b'key%d' % i, r=1).value == VALUE for i in range(KEYS))
    for other in others:
        other.start()
    cluster.wait_whole()
    return right


def whole(cluster, dead, moment):
    """Whether all replicas of this node were compared since then, and nothing was left."""
    for node in cluster.nodes:
        age_ms = (time.monotonic() - moment) * 1000
        for pair in told(node)['partitions']:
            if (pair['begun_by'] == 'node' and dead.name in (node.name, pair['peer'])
                    and (pair.get('result') != 'ok' or pair['left'] > 0
                         or pair['age_ms'] > age_ms)):
                return False
    return True


def test_a_node_gets_what_it_missed(cluster):
    for dead in (cluster.nodes[0], cluster.nodes[2]):
        bucket = b'missed' + dead.name.encode()
        back = write_while_dead(cluster, dead, bucket)
        wait_for('all are compared', lambda dead=dead, back=back: whole(cluster, dead, back))
        note(f'{KEYS} objects, {time.monotonic() - back:.1f} s after its start')
        check(total(cluster, 'pulled') + total(cluster, 'pushed') >= KEYS)
        equal(read_alone(cluster, dead, bucket), KEYS)


def test_both_sides_together_have_all_pairs(cluster):
    pairs = set()
    names = {node.name for node in cluster.nodes}
    for node in cluster.nodes:
        for pair in told(node)['partitions']:
            check(pair['peer'] in names - {node.name}, pair)
            if pair['begun_by'] == 'node':
                both = (pair['partition'], *sorted((node.name, pair['peer'])))
                check(both not in pairs, both)
                pairs.add(both)
    equal(len(pairs), 3 * len({partition for partition, *_ in pairs}))


def passes(cluster):
    return told(cluster.nodes[0])['passes']


def test_only_what_is_asked_for(_):
    """Where nodes do not compare by themselves, operators make them."""
    with Cluster(3, settings=['anti_entropy=off', 'ring_size=16']) as cluster:
        table = cluster.command('aae', 'status').stdout.decode()
        check('partition' in table and 'n2' in table, table)
        answer = json.loads(cluster.command('aae', 'status', '-o', 'json').stdout)
        for name in ('on', 'interval_ms', 'running', 'passes', 'failed', 'rows', 'pulled', 'pushed',
                     'left', 'partitions'):
            check(name in answer, name)
        equal((answer['on'], answer['passes'], len(answer['partitions'])), (False, 0, 32))
        write_all(cluster.nodes[0], b'b', VALUE)
        cluster.command('repair', '--dry-run')
        cluster.command('repair', '0')
        wait_for('one partition', lambda: passes(cluster) == 2)
        cluster.command('repair', '-o', 'json')
        wait_for('all partitions', lambda: passes(cluster) == 2 + 32)
        answer = told(cluster.nodes[0])
        check(answer['rows'] > 2 * KEYS, answer)
        equal((answer['failed'], answer['left']), (0, 0))
        at = ('--at', f'127.0.0.1:{cluster.nodes[0].http}')
        done = dassie('repair', '4000', *at, status=3)
        check(b'no other node' in done.stderr, done.stderr)
        done = dassie('repair', 'none', *at, status=2)
        check(b'PARTITION' in done.stderr, done.stderr)


if __name__ == '__main__':
    with Cluster(3) as made:
        status = run(sys.modules[__name__], made)
        made.stop()
    sys.exit(status)
