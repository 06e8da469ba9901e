#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The HTTP interface as `curl` sees it, against a cluster of three nodes. Riak's exact answers are
compared by golden.sh; here is what a person would type, and what must hold across nodes."""

import base64
import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile
import uuid

import pb
from cluster import Cluster
from tap import check, equal, run

TYPES = {'mult': {'allow_mult': True}, 'single': {'allow_mult': False}}


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)


def curl(cluster, path, *arguments, node=0, data=None, headers=()):
    """Runs curl; the answer with headers in lower case."""
    with tempfile.TemporaryDirectory() as folder:
        head, body = os.path.join(folder, 'head'), os.path.join(folder, 'body')
        argv = ['curl', '-sS', '--max-time', '20', '--path-as-is', '-D', head, '-o', body,
                '-H', 'Expect:']
        for header in headers:
            argv += ['-H', header]
        if data is not None:
            argv += ['--data-binary', '@-']
        url = f'http://127.0.0.1:{cluster.nodes[node].http}{path}'
        done = subprocess.run([*argv, *arguments, url], input=data, capture_output=True,
                              check=False)
        if done.returncode != 0:
            raise AssertionError(f'curl {path}: {done.stderr.decode()}')
        with open(head, encoding='latin-1', newline='') as file:
            lines = file.read().split('\r\n\r\n')[-2].split('\r\n')
        content = b''
        if os.path.exists(body):
            with open(body, 'rb') as file:
                content = file.read()
        if '-I' in arguments:  # curl takes the head for what was asked for
            content = content.split(b'\r\n\r\n', 1)[1]
        fields = {}
        for line in lines[1:]:
            name, value = line.split(':', 1)
            fields.setdefault(name.lower(), []).append(value.strip())
        return Answer(int(lines[0].split()[1]), {k: ', '.join(v) for k, v in fields.items()},
                      content)


def put(cluster, path, data, *arguments, headers=('Content-Type: text/plain',), node=0):
    return curl(cluster, path, '-X', 'PUT', *arguments, data=data, headers=headers, node=node)


def fresh():
    return 'http-' + uuid.uuid4().hex[:12]


def test_ping(cluster):
    answer = curl(cluster, '/ping')
    equal((answer.status, answer.body), (200, b'OK'))


def test_root_lists_resources(cluster):
    answer = curl(cluster, '/', headers=['Accept: application/json'])
    equal(answer.status, 200)
    check('riak_kv_wm_ping' in answer.json(), answer.body)


def test_put_get_delete(cluster):
    path = f'/buckets/{fresh()}/keys/k'
    equal(put(cluster, path, b'hello').status, 204)
    for node in range(3):
        answer = curl(cluster, path, node=node)
        equal((answer.status, answer.body), (200, b'hello'))
        equal(answer.headers['content-type'], 'text/plain')
        check(answer.headers['x-riak-vclock'], 'no context')
        check(answer.headers['etag'], 'no entity tag')
        check(answer.headers['last-modified'].endswith(' GMT'), answer.headers)
    equal(curl(cluster, path, '-X', 'DELETE').status, 204)
    equal(curl(cluster, path).status, 404)


def test_old_and_new_paths_mean_the_same(cluster):
    bucket = fresh()
    equal(put(cluster, f'/riak/{bucket}/k', b'v').status, 204)
    for path in (f'/riak/{bucket}/k', f'/buckets/{bucket}/keys/k',
                 f'/types/default/buckets/{bucket}/keys/k'):
        equal(curl(cluster, path).body, b'v', path)


def test_post_makes_a_key(cluster):
    answer = curl(cluster, f'/buckets/{fresh()}/keys', '-X', 'POST', data=b'made',
                  headers=['Content-Type: text/plain'])
    equal(answer.status, 201)
    equal(curl(cluster, answer.headers['location']).body, b'made')


def test_head_has_no_body(cluster):
    path = f'/buckets/{fresh()}/keys/k'
    put(cluster, path, b'twelve bytes')
    answer = curl(cluster, path, '-I')
    equal((answer.status, answer.body), (200, b''))


def test_metadata_links_and_indexes_come_back(cluster):
    path = f'/buckets/{fresh()}/keys/k'
    headers = ['Content-Type: application/json; charset=utf-8', 'X-Riak-Meta-Colour: brown',
               'Link: </buckets/other/keys/there>; riaktag="friend"',
               'x-riak-index-age_int: 7', 'x-riak-index-name_bin: rocky']
    equal(put(cluster, path, b'{}', headers=headers).status, 204)
    answer = curl(cluster, path, node=1)
    equal(answer.headers['content-type'], 'application/json; charset=utf-8')
    equal(answer.headers['x-riak-meta-colour'], 'brown')
    check('riaktag="friend"' in answer.headers['link'], answer.headers['link'])
    equal(answer.headers['x-riak-index-age_int'], '7')
    equal(answer.headers['x-riak-index-name_bin'], 'rocky')


def test_siblings(cluster):
    path = f'/types/mult/buckets/{fresh()}/keys/k'
    put(cluster, path, b'one')
    put(cluster, path, b'two', node=1)
    answer = curl(cluster, path, node=2)
    equal(answer.status, 300)
    lines = answer.body.decode().splitlines()
    equal(lines[0], 'Siblings:')
    equal(len(lines), 3)
    values = {curl(cluster, f'{path}?vtag={vtag}').body for vtag in lines[1:]}
    equal(values, {b'one', b'two'})
    parts = curl(cluster, path, headers=['Accept: multipart/mixed'])
    equal(parts.status, 300)
    check(parts.headers['content-type'].startswith('multipart/mixed; boundary='), parts.headers)
    check(b'\r\n\r\none\r\n' in parts.body and b'\r\n\r\ntwo\r\n' in parts.body, parts.body)
    context = answer.headers['x-riak-vclock']
    equal(put(cluster, path, b'both', headers=['Content-Type: text/plain',
                                               f'X-Riak-Vclock: {context}']).status, 204)
    equal(curl(cluster, path).body, b'both')


def test_conditional_requests(cluster):
    path = f'/buckets/{fresh()}/keys/k'
    equal(put(cluster, path, b'one', headers=['Content-Type: text/plain',
                                              'If-None-Match: *']).status, 204)
    equal(put(cluster, path, b'two', headers=['Content-Type: text/plain',
                                              'If-None-Match: *']).status, 412)
    etag = curl(cluster, path).headers['etag']
    equal(curl(cluster, path, headers=[f'If-None-Match: {etag}']).status, 304)
    equal(put(cluster, path, b'three', headers=['Content-Type: text/plain',
                                                'If-Match: "other"']).status, 412)
    equal(put(cluster, path, b'four', headers=['Content-Type: text/plain',
                                               f'If-Match: {etag}']).status, 204)
    equal(curl(cluster, path).body, b'four')


def test_returnbody(cluster):
    path = f'/buckets/{fresh()}/keys/k?returnbody=true'
    answer = put(cluster, path, b'echo')
    equal((answer.status, answer.body), (200, b'echo'))
    check(answer.headers['x-riak-vclock'], 'no context')


def test_quorum_parameters(cluster):
    path = f'/buckets/{fresh()}/keys/k'
    equal(put(cluster, path + '?w=3&dw=all&pw=quorum', b'v').status, 204)
    equal(curl(cluster, path + '?r=3&pr=1').status, 200)
    equal(curl(cluster, path + '?r=4').status, 400)
    equal(put(cluster, path + '?w=many', b'v').status, 400)


def test_names_in_percent_encoding(cluster):
    bucket = fresh()
    equal(put(cluster, f'/buckets/{bucket}/keys/a%2Fb%20c%3F', b'v').status, 204)
    equal(curl(cluster, f'/buckets/{bucket}/keys/a%2fb%20c%3f').body, b'v')
    with pb.Client(cluster.nodes[0].pb) as client:
        equal(client.keys(bucket.encode()), [b'a/b c?'])


def test_both_protocols_see_the_same(cluster):
    bucket = fresh()
    put(cluster, f'/buckets/{bucket}/keys/k', b'by http', headers=[
        'Content-Type: text/plain', 'X-Riak-Meta-Colour: brown'])
    with pb.Client(cluster.nodes[1].pb) as client:
        found = client.get(bucket.encode(), b'k')
        equal(found.value, b'by http')
        equal(found.siblings[0].meta, {b'X-Riak-Meta-Colour': b'brown'})
        client.put(bucket.encode(), b'k', b'by pb', context=found.context,
                   content_type=b'text/plain')
        after = client.get(bucket.encode(), b'k')
    answer = curl(cluster, f'/buckets/{bucket}/keys/k', node=2)
    equal(answer.body, b'by pb')
    equal(base64.b64decode(answer.headers['x-riak-vclock']), after.context)
    equal(answer.headers['etag'], f'"{after.siblings[0].vtag.decode()}"')


def test_listing(cluster):
    bucket = fresh()
    keys = sorted(f'key{i}' for i in range(40))
    with pb.Client(cluster.nodes[0].pb) as client:
        for key in keys:
            client.put(bucket.encode(), key.encode(), b'v', content_type=b'text/plain')
    equal(sorted(curl(cluster, f'/buckets/{bucket}/keys?keys=true').json()['keys']), keys)
    streamed = curl(cluster, f'/buckets/{bucket}/keys?keys=stream', node=1)
    equal(streamed.headers.get('transfer-encoding'), 'chunked')
    found, text, decoder = [], streamed.body.decode(), json.JSONDecoder()
    while text:
        chunk, end = decoder.raw_decode(text)
        found += chunk['keys']
        text = text[end:]
    equal(sorted(found), keys)
    check(bucket in curl(cluster, '/buckets?buckets=true').json()['buckets'], 'bucket not listed')


def test_bucket_properties(cluster):
    path = f'/buckets/{fresh()}/props'
    before = curl(cluster, path).json()['props']
    equal((before['n_val'], before['allow_mult']), (3, False))
    equal(put(cluster, path, b'{"props":{"allow_mult":true,"n_val":2}}',
              headers=['Content-Type: application/json']).status, 204)
    for node in range(3):
        after = curl(cluster, path, node=node).json()['props']
        equal((after['n_val'], after['allow_mult']), (2, True), 'node', node)
    equal(put(cluster, path, b'{"props":{"n_val":0}}',
              headers=['Content-Type: application/json']).status, 400)
    equal(curl(cluster, path, '-X', 'DELETE').status, 204)
    equal(curl(cluster, path).json()['props'], before)


def test_unknown_type_is_not_found(cluster):
    equal(curl(cluster, '/types/nosuchtype/buckets/b/keys/k').status, 404)


def test_stats_have_riaks_names(cluster):
    path = f'/buckets/{fresh()}/keys/k'
    before = curl(cluster, '/stats').json()
    put(cluster, path, b'v')
    curl(cluster, path)
    after = curl(cluster, '/stats').json()
    for name in ('node_gets_total', 'node_puts_total', 'node_get_fsm_time_99', 'riak_kv_version',
                 'ring_num_partitions', 'nodename'):
        check(name in after, name)
    check(all(part.isdigit() for part in after['riak_kv_version'].split('.')),
          after['riak_kv_version'])
    check(after['node_puts_total'] >= before['node_puts_total'], 'puts went back')


def test_metrics_are_openmetrics(cluster):
    answer = curl(cluster, '/metrics')
    equal(answer.status, 200)
    lines = answer.body.decode().splitlines()
    equal(lines[-1], '# EOF')
    check(any(line.startswith('# TYPE ') for line in lines), lines[:5])
    for line in lines[:-1]:
        check(line.startswith('# ') or len(line.rsplit(' ', 1)) == 2, line)


def test_gzip_on_request(cluster):
    bucket = fresh()
    path = f'/buckets/{bucket}/keys/k'
    put(cluster, path, b'a' * 10000)
    answer = curl(cluster, path, headers=['Accept-Encoding: gzip'])
    if answer.headers.get('content-encoding') == 'gzip':
        equal(gzip.decompress(answer.body), b'a' * 10000)
    else:
        equal(answer.body, b'a' * 10000)


def test_expect_100_continue_and_large_values(cluster):
    path = f'/buckets/{fresh()}/keys/large'
    value = os.urandom(1024 * 1024) * 16
    answer = curl(cluster, path, '-X', 'PUT', '-H', 'Expect: 100-continue', data=value,
                  headers=['Content-Type: application/octet-stream'])
    equal(answer.status, 204)
    found = curl(cluster, path, node=1)
    equal(len(found.body), len(value))
    check(found.body == value, 'the value was changed')


def test_a_browser_is_refused_by_the_administration(cluster):
    answer = curl(cluster, '/dassie/v1/cluster', headers=['Origin: http://evil.example'])
    equal(answer.status, 403)


def main():
    if not shutil.which('curl'):
        print('1..0 # SKIP curl is not installed')
        return 0
    with Cluster(3, types=TYPES) as cluster:
        status = run(sys.modules[__name__], cluster)
        cluster.stop()
    return status


if __name__ == '__main__':
    sys.exit(main())
