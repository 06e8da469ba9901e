#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What no client should send: truncated, oversized, of wrong types, deeply nested, pipelined
garbage, half-closed sockets, and ten thousand connections that say nothing. The node gives an error
or closes the connection; it never ends, still answers others, and does not keep the memory."""

import os
import random
import resource
import select
import socket
import struct
import sys
import time

import pb
from cluster import Cluster
from tap import Skip, check, equal, note, raises, run

IDLE_CONNECTIONS = 10000
DESCRIPTORS_SPARE = 200
MEBIBYTE = 1024 * 1024


def alive(cluster):
    """The node answers both protocols to new clients."""
    node = cluster.nodes[0]
    equal(node.process.poll(), None, 'the node ended')
    with pb.Client(node.pb) as client:
        client.ping()
    equal(node.request('/ping')[0], 200)


def exchange(port, data, shut=False, seconds=3):
    """What the server sends until it closes, or says nothing for a while; and whether it closed."""
    got = b''
    with socket.create_connection(('127.0.0.1', port), 5) as connection:
        try:
            connection.sendall(data)
            if shut:
                connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        end = time.monotonic() + seconds
        while True:
            wait = min(0.3 if got else seconds, end - time.monotonic())
            if wait <= 0 or not select.select([connection], [], [], wait)[0]:
                return got, False
            try:
                more = connection.recv(65536)
            except ConnectionError:
                return got, True
            if not more:
                return got, True
            got += more


def error_text(data):
    size, code = struct.unpack('>IB', data[:5])
    equal(code, pb.ERROR)
    return pb.decode(data[5:4 + size])[1][0]


def test_length_zero_closes(cluster):
    got, closed = exchange(cluster.nodes[0].pb, b'\0\0\0\0')
    check(closed, 'still open after a frame of length 0:', got)
    alive(cluster)


def test_length_of_two_gibibytes_is_refused(cluster):
    got, _ = exchange(cluster.nodes[0].pb, b'\x7f\xff\xff\xff\x09')
    check(b'Invalid message packet' in got, got)
    alive(cluster)


def test_an_oversized_frame_is_refused_and_not_kept(cluster):
    node = cluster.nodes[0]
    before = node.memory()
    with pb.Client(node.pb) as client:
        client.send_raw(struct.pack('>IB', 200 * MEBIBYTE, pb.PUT))
        piece = bytes(MEBIBYTE)
        try:
            for _ in range(200):
                client.send_raw(piece)
        except OSError:
            pass
    check(node.memory() - before < 100 * MEBIBYTE, 'resident memory grew by',
          (node.memory() - before) // MEBIBYTE, 'MiB')
    alive(cluster)


def test_a_truncated_message_is_an_error(cluster):
    whole = pb.encode([(1, b'bucket'), (2, b'key'), (4, [(1, b'value')])])
    for cut in range(1, len(whole)):
        got, _ = exchange(cluster.nodes[0].pb, pb.frame(pb.PUT, whole[:cut]), shut=True)
        check(got[:5] == b'' or got[4] in (pb.ERROR, pb.PUT + 1), cut, got)
    alive(cluster)


def test_a_truncated_frame_then_end(cluster):
    whole = pb.frame(pb.PUT, pb.encode([(1, b'bucket'), (2, b'key'), (4, [(1, b'value')])]))
    for cut in range(1, len(whole)):
        got, closed = exchange(cluster.nodes[0].pb, whole[:cut], shut=True)
        equal((got, closed), (b'', True), 'cut at', cut)
    alive(cluster)


def test_unknown_codes_leave_the_connection_open(cluster):
    with pb.Client(cluster.nodes[0].pb) as client:
        for code in (0, 2, 23, 25, 40, 54, 70, 80, 99, 200, 253, 254):
            client.send_raw(pb.frame(code, b'\x0a\x01b'))
            try:
                client.receive()
                raise AssertionError(f'code {code} was answered')
            except pb.Error as error:
                equal(str(error), f'Unknown message code: {code}')
            except pb.Closed:
                raise AssertionError(f'code {code} closed the connection') from None
        client.ping()


def test_wrong_wire_types(cluster):
    bodies = [
        b'\x08\x05\x12\x01k',                     # bucket as a number
        b'\x0a\x01b\x12\x01k\x1a\x01x',           # r as bytes
        b'\x0b\x0c',                              # a group
        b'\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f',
        b'\xff' * 20,
        b'\x0a\x80',
        b'\x02\x00',                              # field 0
        b'\x0a\x01b\x12\x01k' + b'\x80' * 11 + b'\x01',
    ]
    for body in bodies:
        got, closed = exchange(cluster.nodes[0].pb, pb.frame(pb.GET, body))
        check(closed or (len(got) > 5 and got[4] == pb.ERROR), body, got)
    alive(cluster)


def test_deep_nesting(cluster):
    body = b'\x0a\x01x'
    for _ in range(20000):
        body = b'\x22' + pb.varint(len(body)) + body
    for code in (pb.PUT, pb.SET_BUCKET, 82):
        got, closed = exchange(cluster.nodes[0].pb, pb.frame(code, body))
        check(closed or got[4] == pb.ERROR, code, got[:50])
    text = b'{"props":' * 20000
    head = (b'PUT /buckets/b/props HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n'
            b'Content-Length: %d\r\n\r\n' % len(text))
    got, _ = exchange(cluster.nodes[0].http, head + text)
    check(got.startswith(b'HTTP/1.1 400'), got[:100])
    alive(cluster)


def test_pipelined_pings_are_answered_in_order(cluster):
    with pb.Client(cluster.nodes[0].pb) as client:
        client.send_raw(pb.frame(pb.PING) * 500 + pb.frame(99) + pb.frame(pb.INFO))
        for _ in range(500):
            equal(client.receive()[0], pb.PONG)
        equal(str(raises(pb.Error, client.receive)), 'Unknown message code: 99')
        equal(client.receive()[0], pb.INFO + 1)


def test_garbage_over_pb(cluster):
    draw = random.Random(1)
    for _ in range(300):
        body = draw.randbytes(draw.randrange(1, 400))
        code = draw.choice((1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 29, 31, 32, 255, 99))
        exchange(cluster.nodes[0].pb, pb.frame(code, body) + draw.randbytes(40), shut=True)
    alive(cluster)


def test_garbage_over_http(cluster):
    draw = random.Random(2)
    starts = [
        b'', b'GET / HTTP/1.1\r\n', b'PUT /riak/b/k HTTP/1.1\r\nContent-Length: 9',
        b'POST /riak/b HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz', b'GET /%zz HTTP/1.1',
        b'GET ' + b'/' * 2000, b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03']
    for i in range(200):
        exchange(cluster.nodes[0].http, starts[i % len(starts)] + draw.randbytes(100), shut=True)
    alive(cluster)


def test_header_without_end_is_bounded(cluster):
    node = cluster.nodes[0]
    before = node.memory()
    got, closed = exchange(node.http, b'GET /ping HTTP/1.1\r\n' + b'X-A: b\r\n' * 400000)
    check(closed or got.startswith(b'HTTP/1.1 4'), got[:100])
    check(node.memory() - before < 20 * MEBIBYTE, 'resident memory grew')
    alive(cluster)


def test_contradicting_lengths_are_refused(cluster):
    request = (b'POST /riak/b HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n'
               b'Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n'
               b'0\r\n\r\nGET /ping HTTP/1.1\r\nHost: x\r\n\r\n')
    got, _ = exchange(cluster.nodes[0].http, request)
    check(b'HTTP/1.1 400' in got or not got, got[:200])
    got, _ = exchange(cluster.nodes[0].http, b'PUT /riak/b/k HTTP/1.1\r\nHost: x\r\n'
                      b'Content-Length: 3\r\nContent-Length: 5\r\n\r\nabcde')
    check(b'HTTP/1.1 400' in got or not got, got[:200])
    alive(cluster)


def test_half_closed_sockets_get_their_answers(cluster):
    node = cluster.nodes[0]
    got, closed = exchange(node.pb, pb.frame(pb.PING), shut=True)
    equal((got, closed), (pb.frame(pb.PONG), True))
    got, closed = exchange(node.http, b'GET /ping HTTP/1.1\r\nHost: x\r\n\r\n', shut=True)
    check(got.startswith(b'HTTP/1.1 200') and closed, got, closed)


def test_a_client_that_leaves_in_the_middle_of_a_listing(cluster):
    node = cluster.nodes[0]
    with pb.Client(node.pb) as client:
        for i in range(2000):
            client.put(b'abandoned', b'%06d' % i * 20, b'v')
    for _ in range(50):
        client = pb.Client(node.pb)
        client.send(pb.LIST_KEYS, [(1, b'abandoned')])
        client.close()
    alive(cluster)


def test_a_client_that_does_not_read_holds_no_memory(cluster):
    node = cluster.nodes[0]
    with pb.Client(node.pb) as client:
        client.put(b'unread', b'k', bytes(MEBIBYTE))
    before = node.memory()
    lazy = socket.socket()
    lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    lazy.connect(('127.0.0.1', node.pb))
    lazy.setblocking(False)
    request = pb.frame(pb.GET, pb.encode([(1, b'unread'), (2, b'k')])) * 2000
    try:
        lazy.send(request)
    except BlockingIOError:
        pass
    time.sleep(1)
    grown = node.memory() - before
    lazy.close()
    check(grown < 64 * MEBIBYTE, f'resident memory grew by {grown // MEBIBYTE} MiB')
    alive(cluster)


def raise_descriptors(wanted):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= wanted:
        return
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise Skip(f'only {hard} descriptors are allowed, {wanted} are needed')
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def test_ten_thousand_idle_connections(cluster):
    node = cluster.nodes[0]
    raise_descriptors(IDLE_CONNECTIONS + DESCRIPTORS_SPARE)
    with open(f'/proc/{node.process.pid}/limits', encoding='ascii') as file:
        limit = next(line for line in file if line.startswith('Max open files')).split()[3]
    if limit != 'unlimited' and int(limit) < IDLE_CONNECTIONS + DESCRIPTORS_SPARE:
        raise Skip(f'the node may open {limit} files only')
    before, began = node.memory(), time.monotonic()
    sockets = []
    try:
        for i in range(IDLE_CONNECTIONS):
            port = node.pb if i % 2 else node.http
            sockets.append(socket.create_connection(('127.0.0.1', port), 10))
        alive(cluster)
        grown = node.memory() - before
        note(f'{len(sockets)} connections in {time.monotonic() - began:.1f} s, '
             f'{grown / len(sockets) / 1024:.1f} KiB each')
        check(grown < IDLE_CONNECTIONS * 16 * 1024, f'{grown // MEBIBYTE} MiB for idle connections')
        # The last of them still works.
        sockets[-1].sendall(pb.frame(pb.PING))
        equal(sockets[-1].recv(100), pb.frame(pb.PONG))
    finally:
        for connection in sockets:
            connection.close()
    end = time.monotonic() + 10
    while len(os.listdir(f'/proc/{node.process.pid}/fd')) > 500 and time.monotonic() < end:
        time.sleep(0.1)
    check(len(os.listdir(f'/proc/{node.process.pid}/fd')) <= 500, 'descriptors were not given back')
    alive(cluster)


def test_memory_after_all_this(cluster):
    node = cluster.nodes[0]
    note(f'resident: {node.memory() // MEBIBYTE} MiB')
    check(node.memory() < 400 * MEBIBYTE, f'{node.memory() // MEBIBYTE} MiB')
    alive(cluster)


def main():
    with Cluster(1) as cluster:
        status = run(sys.modules[__name__], cluster)
        cluster.stop()
    return status


if __name__ == '__main__':
    sys.exit(main())
