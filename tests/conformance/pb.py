# SPDX-License-Identifier: Apache-2.0
"""A client of Riak's Protocol Buffers interface in a page: frames and fields, no generated code.

Keys, buckets and values are bytes. A message is a list of (field number, value): an int is sent as
a varint, bytes as they are, a list as a message inside. What comes back is a dict from field
number to the list of its values."""

import json
import socket
import struct
import zlib

ERROR, PING, PONG, INFO, GET, PUT, DELETE = 0, 1, 2, 7, 9, 11, 13
LIST_BUCKETS, LIST_KEYS, GET_BUCKET, SET_BUCKET, RESET_BUCKET = 15, 17, 19, 21, 29
ONE, QUORUM, ALL = 0xfffffffe, 0xfffffffd, 0xfffffffc


class Error(Exception):
    """The server said no: RpbErrorResp."""


class Closed(Exception):
    """The connection ended."""


def varint(number):
    out = bytearray()
    while number > 0x7f:
        out.append(number & 0x7f | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def encode(fields):
    out = []
    for number, value in fields:
        if value is None:
            continue
        if isinstance(value, int):
            out.append(varint(number << 3) + varint(int(value)))
        else:
            value = encode(value) if isinstance(value, list) else value
            out.append(varint(number << 3 | 2) + varint(len(value)) + value)
    return b''.join(out)


def read_varint(body, at):
    value = shift = 0
    while True:
        byte = body[at]
        at += 1
        value |= (byte & 0x7f) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def decode(body):
    fields, at = {}, 0
    while at < len(body):
        tag, at = read_varint(body, at)
        if tag & 7 == 0:
            value, at = read_varint(body, at)
        elif tag & 7 == 2:
            size, at = read_varint(body, at)
            value, at = body[at:at + size], at + size
            if len(value) != size:
                raise ValueError('a field longer than its message')
        else:
            raise ValueError(f'wire type {tag & 7}')
        fields.setdefault(tag >> 3, []).append(value)
    return fields


def frame(code, body=b''):
    return struct.pack('>IB', len(body) + 1, code) + body


class Sibling:
    """One RpbContent."""

    def __init__(self, body):
        fields = decode(body)
        self.fields = fields
        self.value = fields[1][0]
        self.content_type = fields.get(2, [None])[0]
        self.vtag = fields.get(5, [None])[0]
        self.last_mod = fields.get(7, [None])[0]
        self.meta = {decode(p)[1][0]: decode(p).get(2, [None])[0] for p in fields.get(9, [])}
        self.deleted = bool(fields.get(11, [0])[0])


class Object:
    """RpbGetResp or RpbPutResp."""

    def __init__(self, body):
        fields = decode(body)
        self.siblings = [Sibling(content) for content in fields.get(1, [])]
        self.context = fields.get(2, [None])[0]
        # Field 3 is `unchanged` of a get, a number, and `key` of a put, bytes.
        third = fields.get(3, [None])[0]
        self.key = third if isinstance(third, bytes) else None
        self.unchanged = third == 1

    @property
    def value(self):
        return self.siblings[0].value if len(self.siblings) == 1 else None

    @property
    def values(self):
        return sorted(sibling.value for sibling in self.siblings)


class Client:
    def __init__(self, port, host='127.0.0.1', timeout=20):
        self.socket = socket.create_connection((host, port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.held = b''

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send_raw(self, data):
        self.socket.sendall(data)

    def send(self, code, fields=()):
        self.send_raw(frame(code, encode(fields)))

    def take(self, size):
        while len(self.held) < size:
            more = self.socket.recv(max(65536, size - len(self.held)))
            if not more:
                raise Closed()
            self.held += more
        taken, self.held = self.held[:size], self.held[size:]
        return taken

    def receive(self):
        """(code, body) of the next message; an error message raises Error."""
        size, code = struct.unpack('>IB', self.take(5))
        body = self.take(size - 1)
        if code == ERROR:
            raise Error(decode(body)[1][0].decode('utf-8', 'replace'))
        return code, body

    def ask(self, code, fields=(), answer=None):
        self.send(code, fields)
        got, body = self.receive()
        if got != (code + 1 if answer is None else answer):
            raise AssertionError(f'message {code} was answered with {got}')
        return body

    def ping(self):
        return self.ask(PING)

    def get(self, bucket, key, type=None, r=None, pr=None, if_modified=None, head=None,
            deletedvclock=None, basic_quorum=None, notfound_ok=None, n_val=None, timeout=None):
        return Object(self.ask(GET, [
            (1, bucket), (2, key), (3, r), (4, pr), (5, basic_quorum), (6, notfound_ok),
            (7, if_modified), (8, head), (9, deletedvclock), (10, timeout), (12, n_val),
            (13, type)]))

    def put(self, bucket, key, value, type=None, context=None, content_type=None, w=None, dw=None,
            pw=None, return_body=None, return_head=None, if_none_match=None, if_not_modified=None,
            meta=(), timeout=None, n_val=None):
        content = [(1, value), (2, content_type)]
        content += [(9, [(1, name), (2, text)]) for name, text in meta]
        return Object(self.ask(PUT, [
            (1, bucket), (2, key), (3, context), (4, content), (5, w), (6, dw), (7, return_body),
            (8, pw), (9, if_not_modified), (10, if_none_match), (11, return_head), (12, timeout),
            (15, n_val), (16, type)]))

    def delete(self, bucket, key, type=None, context=None, rw=None, r=None, w=None, dw=None):
        self.ask(DELETE, [(1, bucket), (2, key), (3, rw), (4, context), (5, r), (6, w), (9, dw),
                          (13, type)])

    def names(self, code, fields):
        """All names of a streamed listing, in the order in which they came."""
        self.send(code, fields)
        names = []
        while True:
            got, body = self.receive()
            if got != code + 1:
                raise AssertionError(f'message {code} was answered with {got}')
            chunk = decode(body)
            names += chunk.get(1, [])
            if chunk.get(2, [0])[0]:
                return names

    def keys(self, bucket, type=None):
        return self.names(LIST_KEYS, [(1, bucket), (3, type)])

    def buckets(self, type=None):
        return self.names(LIST_BUCKETS, [(2, True), (3, type)])


def stamp(key, writer, number, size):
    """A value that says itself to which key it belongs, which write it is, and if it is whole."""
    head = json.dumps([key.decode('latin-1'), writer, number]).encode() + b'\n'
    body = head + bytes((number + i) & 0xff for i in range(max(0, size - len(head) - 4)))
    return body + struct.pack('<I', zlib.crc32(body))


def unstamp(key, value):
    """(writer, number) of a stamped value; ValueError if it is not whole or of another key."""
    body, crc = value[:-4], value[-4:]
    if struct.pack('<I', zlib.crc32(body)) != crc:
        raise ValueError('the value is damaged')
    found, writer, number = json.loads(body.split(b'\n', 1)[0])
    if found.encode('latin-1') != key:
        raise ValueError(f'the value is one of key {found!r}')
    return writer, number
