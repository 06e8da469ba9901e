#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Time to live, with real processes: over both protocols values vanish when they must, from lists
too, and their rows go. Three nodes; the skew is 0.2 seconds and the grace 1, so that it is seen."""

import email.utils
import http.client
import json
import sys
import time

import pb
from cluster import Cluster
from tap import check, equal, run

SETTINGS = ('expiry.skew=200ms', 'expiry.grace=1s', 'expiry.interval=200ms')
GONE_SECONDS = 20


def put(cluster, bucket, key, value=b'v', node=0, **headers):
    headers = {'Content-Type': 'text/plain',
               **{name.replace('_', '-'): text for name, text in headers.items()}}
    return cluster.nodes[node].request(f'/buckets/{bucket}/keys/{key}', 'PUT', value, headers)


def get(cluster, bucket, key, node=0):
    return cluster.nodes[node].request(f'/buckets/{bucket}/keys/{key}')


def set_ttl(cluster, bucket, seconds):
    body = json.dumps({'props': {'ttl': seconds}})
    return cluster.nodes[0].request(f'/buckets/{bucket}/props', 'PUT', body,
                                    {'Content-Type': 'application/json'})


def until(what, seconds, words):
    end = time.monotonic() + seconds
    while not what():
        check(time.monotonic() < end, words)
        time.sleep(0.05)


def metric(cluster, name):
    """The sum of a counter over all nodes."""
    total = 0
    for node in cluster.nodes:
        for line in node.request('/metrics')[1].decode().splitlines():
            if line.startswith(f'dassie_{name}_total '):
                total += int(line.split()[1])
    return total


def test_a_value_with_a_time_of_its_own(cluster):
    began = time.time()
    equal(put(cluster, 'own', 'k', X_Dassie_TTL='2')[0], 204)
    status, body = get(cluster, 'own', 'k', node=1)
    equal((status, body), (200, b'v'))
    until(lambda: get(cluster, 'own', 'k', node=2)[0] == 404, 6, 'it does not expire')
    check(time.time() - began >= 2, 'too early:', time.time() - began)
    check(time.time() - began < 4, 'too late:', time.time() - began)
    for node in range(3):
        equal(get(cluster, 'own', 'k', node=node)[0], 404)


def test_the_header_tells_when(cluster):
    equal(put(cluster, 'tells', 'k', X_Dassie_TTL='3600')[0], 204)
    asked = http.client.HTTPConnection('127.0.0.1', cluster.nodes[1].http, timeout=10)
    asked.request('GET', '/buckets/tells/keys/k')
    answer = asked.getresponse()
    answer.read()
    expires = email.utils.parsedate_to_datetime(answer.headers['X-Dassie-Expires'])
    check(abs(expires.timestamp() - time.time() - 3600) < 5, expires)
    equal(put(cluster, 'tells', 'k', X_Dassie_TTL='soon')[0], 400)


def test_a_bucket_with_a_time(cluster):
    equal(set_ttl(cluster, 'brief', 1)[0], 204)
    props = json.loads(cluster.nodes[2].request('/buckets/brief/props')[1])['props']
    equal(props['ttl'], 1)
    with pb.Client(cluster.nodes[0].pb) as client:
        client.put(b'brief', b'by-pb', b'v')
        equal(client.get(b'brief', b'by-pb').value, b'v')
    equal(put(cluster, 'brief', 'for-ever', X_Dassie_TTL='0')[0], 204)
    equal(put(cluster, 'brief', 'by-http')[0], 204)
    with pb.Client(cluster.nodes[1].pb) as client:
        until(lambda: client.get(b'brief', b'by-pb').value is None, 5, 'by-pb does not expire')
    until(lambda: get(cluster, 'brief', 'by-http')[0] == 404, 5, 'by-http does not expire')
    equal(get(cluster, 'brief', 'for-ever')[0], 200)
    keys = json.loads(cluster.nodes[0].request('/buckets/brief/keys?keys=true')[1])['keys']
    equal(keys, ['for-ever'])
    equal(set_ttl(cluster, 'brief', -1)[0], 400)


def test_rows_go_and_the_bucket_with_them(cluster):
    before = metric(cluster, 'expired_removed')
    for i in range(200):
        equal(put(cluster, 'many', f'k{i}', X_Dassie_TTL='1')[0], 204)
    buckets = json.loads(cluster.nodes[0].request('/buckets?buckets=true')[1])['buckets']
    check('many' in buckets, buckets)
    until(lambda: metric(cluster, 'expired_removed') - before >= 600, GONE_SECONDS,
          'rows remain')
    buckets = json.loads(cluster.nodes[1].request('/buckets?buckets=true')[1])['buckets']
    check('many' not in buckets, buckets)


def test_a_node_that_was_away_brings_nothing_back(cluster):
    away = cluster.nodes[2]
    for i in range(50):
        equal(put(cluster, 'away', f'k{i}', b'old')[0], 204)
        equal(put(cluster, 'gone', f'k{i}', X_Dassie_TTL='2')[0], 204)
    away.kill()
    time.sleep(0.2)
    for i in range(50):
        until(lambda: put(cluster, 'away', f'k{i}', b'new', X_Dassie_TTL='1')[0] == 204, 20,
              'no write')
    time.sleep(4)
    away.start()
    cluster.wait_whole()
    for node in range(3):
        for i in range(50):
            equal(get(cluster, 'away', f'k{i}', node=node)[0], 404, 'away', i, node)
            equal(get(cluster, 'gone', f'k{i}', node=node)[0], 404, 'gone', i, node)


def main():
    with Cluster(3, settings=SETTINGS) as cluster:
        status = run(sys.modules[__name__], cluster)
        cluster.stop()
    return status


if __name__ == '__main__':
    sys.exit(main())
