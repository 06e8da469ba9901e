#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A cluster under load, for the builds with sanitizers: every value that is read verifies itself,
every node stops cleanly, and no sanitizer has a word in a log."""

import json
import os
import sys

import cluster as clusters
import tap

SECONDS = '4'


def bench(cluster, *arguments):
    words = ['bench', '--duration', SECONDS, '--connections', '24', '--keys', '500', '--verify',
             '-o', 'json', *arguments]
    for node in cluster.nodes:
        words += ['--at', f'127.0.0.1:{node.pb}']
    return json.loads(clusters.dassie(*words).stdout)


def test_reads_and_writes(cluster):
    result = bench(cluster, '--mix', '50:50')
    tap.note(json.dumps(result)[:300])
    tap.equal(result['errors'], 0, 'errors')
    tap.check(result['get']['count'] > 100, 'reads:', result['get']['count'])
    tap.check(result['put']['count'] > 100, 'writes:', result['put']['count'])


def test_listing_under_writes(cluster):
    listed = clusters.dassie('buckets', '--at', f'127.0.0.1:{cluster.nodes[1].pb}').stdout
    tap.check(listed.strip() != '', 'no bucket is listed')
    bucket = listed.split()[0]
    keys = clusters.dassie('keys', '--at', f'127.0.0.1:{cluster.nodes[2].pb}', bucket).stdout
    tap.check(len(keys.split()) > 10, 'keys listed:', len(keys.split()))


def test_clean_stop_and_start(cluster):
    for node in cluster.nodes:
        tap.equal(node.stop(), 0, node.name, 'exit status')
        node.start()
        cluster.wait_whole()
    result = bench(cluster, '--mix', '100:0')
    tap.equal(result['errors'], 0, 'errors after the restart')


def test_no_sanitizer_spoke(cluster):
    for node in cluster.nodes:
        tap.equal(node.stop(), 0, node.name, 'exit status')
        with open(node.log, encoding='utf-8', errors='replace') as log:
            text = log.read()
        for word in ('Sanitizer', 'runtime error', 'broken invariant'):
            at = text.find(word)
            tap.check(at < 0, node.name, text[max(0, at - 200):at + 1500])


if __name__ == '__main__':
    os.environ.setdefault('TSAN_OPTIONS', 'ignore_noninstrumented_modules=1:halt_on_error=1')
    with clusters.Cluster(3) as started:
        status = tap.run(sys.modules[__name__], started)
    sys.exit(status)
