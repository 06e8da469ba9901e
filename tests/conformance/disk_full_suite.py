#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Small file systems that real writes fill: what is refused, what goes on, what frees the node
again. They are mounted in a mount namespace of this process: nothing of them is left behind.

DASSIE_FULL_KINDS names the file systems (tmpfs; also ext4)."""

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

import pb
from cluster import Cluster, Node, dassie
from tap import Skip, check, equal, note, run

KINDS = os.environ.get('DASSIE_FULL_KINDS', 'tmpfs').split(',')
INSIDE = 'DASSIE_FULL_INSIDE'
MB = 1 << 20
DISK_MB = 128
VALUE_BYTES = 40000
SETTINGS = ('storage.memtable_size=1MB', 'storage.cache_size=8MB')


def value_of(number):
    """Of random bytes: the engine compresses."""
    return random.Random(number).randbytes(VALUE_BYTES)


class Mount:
    """A small file system; `filler` of it is used by somebody else."""

    def __init__(self, kind, folder, megabytes=DISK_MB):
        self.path = os.path.join(folder, f'{kind}-mount')
        os.makedirs(self.path, exist_ok=True)
        if kind == 'tmpfs':
            self.mount('-t', 'tmpfs', '-o', f'size={megabytes}m', 'tmpfs', self.path)
        else:
            image = os.path.join(folder, kind + '.image')
            with open(image, 'wb') as file:
                file.truncate(megabytes * MB)
            if not shutil.which('mkfs.' + kind):
                raise Skip(f'mkfs.{kind} is not installed')
            subprocess.run(['mkfs.' + kind, '-q', '-m', '0', image], check=True,
                           stdout=subprocess.DEVNULL)
            self.mount('-o', 'loop', image, self.path)

    def mount(self, *words):
        done = subprocess.run(['mount', *words], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Skip(f'nothing can be mounted here: {done.stderr.strip()}')

    @property
    def free(self):
        stat = os.statvfs(self.path)
        return stat.f_bavail * stat.f_frsize

    def fill(self, free_left):
        """Somebody else's file leaves so much free."""
        with open(os.path.join(self.path, 'filler'), 'ab') as file:
            while self.free > free_left:
                os.posix_fallocate(file.fileno(), file.seek(0, 2),
                                   min(self.free - free_left, 4 * MB) or 1)

    def drain(self):
        os.unlink(os.path.join(self.path, 'filler'))

    def close(self):
        subprocess.run(['umount', '-l', self.path], check=False, stderr=subprocess.DEVNULL)


class Place:
    """One node on a small file system."""

    def __init__(self, kind, *settings):
        self.folder = tempfile.mkdtemp(prefix='dassie-test-')
        self.node = self.disk = None
        self.stored = {}
        try:
            self.disk = Mount(kind, self.folder)
            self.node = Node('n1', self.disk.path, (*SETTINGS, *settings))
            self.node.log = os.path.join(self.folder, 'n1.log')
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.node is not None and self.node.process is not None and \
                self.node.process.poll() is None:
            self.node.kill()
        if self.disk is not None:
            self.disk.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self):
        self.node.start()
        self.node.wait_ready()

    def ballast(self):
        path = os.path.join(self.node.data, 'ballast')
        return os.path.getsize(path) if os.path.exists(path) else 0

    def said(self, word):
        with open(self.node.log, encoding='utf-8', errors='replace') as log:
            return word in log.read()

    def put(self, client, number):
        key = b'k%d' % number
        client.put(b'full', key, value_of(number))
        self.stored[key] = number

    def put_until_refused(self, most=10000, pause=0.01):
        """Writes until the node says no: its words. Not so fast, by default, that a small disk is
        full before the node has looked again, once a second."""
        with pb.Client(self.node.pb) as client:
            for number in range(len(self.stored), len(self.stored) + most):
                try:
                    self.put(client, number)
                    time.sleep(pause)
                except pb.Error as error:
                    return str(error)
        raise AssertionError(f'{most} writes, and the disk is not full')

    def lost(self):
        wrong = []
        with pb.Client(self.node.pb) as client:
            for key, number in self.stored.items():
                value = client.get(b'full', key).value
                if value != (None if number is None else value_of(number)):
                    wrong.append((key, number, value and value[:30]))
        return wrong

    def metric(self, name):
        lines = self.node.request('/metrics')[1].decode().splitlines()
        return int([line for line in lines if line.startswith(name + ' ')][0].split()[1])

    def writes_again(self, seconds):
        """Until a write is taken; how long that was."""
        began = time.monotonic()
        with pb.Client(self.node.pb) as client:
            while True:
                try:
                    self.put(client, len(self.stored))
                    return time.monotonic() - began
                except pb.Error as error:
                    check(time.monotonic() - began < seconds, f'no writes after {seconds} s:',
                          error, self.node.log_end())
                    time.sleep(0.1)

    def survives_kill(self):
        self.node.kill()
        self.start()
        equal(self.lost()[:3], [], 'lost')


def nearly_full(kind):
    with Place(kind, 'storage.free_min=32MB', 'storage.ballast=8MB') as place:
        place.start()
        check(place.ballast() == 8 * MB, 'no ballast:', place.ballast())
        place.disk.fill(56 * MB)
        equal(place.put_until_refused(), 'disk_full')
        free = place.disk.free
        note(f'{kind}: refused after {len(place.stored)} writes with {free // MB} MiB free')
        check(free > 8 * MB, 'refused late:', free)
        status, body = place.node.request('/types/default/buckets/full/keys/h', 'PUT', b'x' * 100,
                                         {'Content-Type': 'text/plain'})
        equal(status, 507)
        equal(body, b'The disk is nearly full: only reads and deletes are served\n')
        equal(place.metric('dassie_disk_full'), 1)
        check(place.metric('dassie_disk_refused_total') >= 2)
        equal(place.metric('dassie_disk_free_min_bytes'), 32 * MB)
        equal(place.metric('dassie_ballast_bytes'), 8 * MB)
        disk = json.loads(place.node.request('/dassie/v1/status')[1])['disk']
        check(disk['full'] and disk['free_min'] == 32 * MB, disk)
        words = dassie('status', '--at', f'127.0.0.1:{place.node.http}').stdout.decode()
        check('The disk of this node is nearly full' in words, words)
        check(place.said('no room for new data: '), place.node.log_end())
        equal(place.node.request('/dassie/v1/ready')[0], 200)
        done = dassie('put', '--at', f'127.0.0.1:{place.node.pb}', 'full', 'cli', 'value',
                      status=None)
        equal(done.returncode, 4, done.stderr)
        equal(place.lost()[:3], [], 'lost')
        with pb.Client(place.node.pb) as client:
            for key in list(place.stored)[:40]:
                client.delete(b'full', key)
                place.stored[key] = None
        equal(place.lost()[:3], [], 'lost')
        check(place.put_until_refused(1) == 'disk_full')
        place.disk.drain()
        note(f'{kind}: writes again {place.writes_again(10):.1f} s after there was room')
        check(place.said('room for new data again'), place.node.log_end())
        equal(place.metric('dassie_disk_full'), 0)
        place.survives_kill()
        equal(place.node.stop(), 0)


def really_full(kind):
    with Place(kind, 'storage.free_min=0', 'storage.ballast=16MB') as place:
        place.start()
        equal(place.ballast(), 16 * MB)
        place.disk.fill(24 * MB)
        first = place.put_until_refused(pause=0)
        note(f'{kind}: {first} after {len(place.stored)} writes')
        check(first == 'disk_full' or 'dw_val_unsatisfied' in first, first)
        equal(place.ballast(), 0, 'the ballast is still there')
        check(place.said('16 MiB are given away'), place.node.log_end())
        check(place.said('No space left on device'), place.node.log_end())
        equal(place.node.process.poll(), None)
        equal(place.lost()[:3], [], 'lost')
        # With the ballast gone the engine repairs itself: deletes are taken again.
        end = time.monotonic() + 20
        with pb.Client(place.node.pb) as client:
            for key in list(place.stored)[:20]:
                while True:
                    try:
                        client.delete(b'full', key)
                        break
                    except pb.Error as error:
                        check(time.monotonic() < end, 'no deletes:', error, place.node.log_end())
                        time.sleep(0.2)
                place.stored[key] = None
        equal(place.lost()[:3], [], 'lost')
        place.disk.drain()
        note(f'{kind}: writes again {place.writes_again(40):.1f} s after there was room')
        equal(place.node.process.poll(), None)
        place.survives_kill()
        equal(place.node.stop(), 0)


def no_start(kind):
    with Place(kind, 'storage.free_min=32MB', 'storage.ballast=24MB') as place:
        place.start()
        place.disk.fill(40 * MB)
        place.put_until_refused()
        equal(place.node.stop(), 0)
        place.disk.fill(1 * MB)
        # The ballast makes it a start, once.
        place.start()
        equal(place.ballast(), 0)
        equal(place.lost()[:3], [], 'lost')
        equal(place.put_until_refused(1), 'disk_full')
        equal(place.node.stop(), 0)
        place.disk.fill(1 * MB)
        place.node.start()
        equal(place.node.process.wait(10), 74, place.node.log_end())
        check(place.said('the disk is full: '), place.node.log_end())
        place.disk.drain()
        place.start()
        equal(place.lost()[:3], [], 'lost')
        equal(place.node.stop(), 0)


def each_kind(test):
    skipped = []
    for kind in KINDS:
        try:
            test(kind)
        except Skip as reason:
            skipped.append(f'{kind}: {reason}')
    if len(skipped) == len(KINDS):
        raise Skip('; '.join(skipped))
    for reason in skipped:
        note('not tried: ' + reason)


def test_a_disk_that_is_nearly_full():
    each_kind(nearly_full)


def test_a_disk_that_is_full():
    each_kind(really_full)


def test_a_start_on_a_full_disk():
    each_kind(no_start)


def test_one_full_disk_of_three():
    folder = tempfile.mkdtemp(prefix='dassie-test-')
    disk = None
    try:
        disk = Mount(KINDS[0], folder, 192)

        def place(node):
            if node.name == 'n1':
                node.data = os.path.join(disk.path, 'n1')

        with Cluster(3, settings=('storage.free_min=32MB', *SETTINGS), before=place) as cluster:
            first = cluster.nodes[0]
            disk.fill(16 * MB)
            end = time.monotonic() + 10
            while not json.loads(first.request('/dassie/v1/status')[1])['disk']['full']:
                check(time.monotonic() < end, 'it does not notice')
                time.sleep(0.1)
            # The full node takes them and has others coordinate; two of three are a quorum.
            with pb.Client(first.pb) as client:
                for i in range(200):
                    client.put(b'three', b'k%d' % i, b'v%d' % i)
                for i in range(0, 200, 10):
                    client.delete(b'three', b'k%d' % i)
                values = [client.get(b'three', b'k%d' % i, r=pb.QUORUM).value for i in range(200)]
            equal(values, [b'v%d' % i if i % 10 else None for i in range(200)])
            disk.drain()
            end = time.monotonic() + 10
            while json.loads(first.request('/dassie/v1/status')[1])['disk']['full']:
                check(time.monotonic() < end, 'it does not notice that there is room')
                time.sleep(0.1)
            # Reads bring to it what it refused.
            with pb.Client(cluster.nodes[1].pb) as client:
                for i in range(200):
                    client.get(b'three', b'k%d' % i, r=pb.ALL)
            time.sleep(1)
            with pb.Client(first.pb) as client:
                alone = [client.get(b'three', b'k%d' % i, r=1, n_val=3).value for i in range(200)]
            equal(alone, [b'v%d' % i if i % 10 else None for i in range(200)])
            cluster.stop()
    finally:
        if disk is not None:
            disk.close()
        shutil.rmtree(folder, ignore_errors=True)


def main():
    if INSIDE in os.environ:
        return run(sys.modules[__name__])
    probe = subprocess.run(['unshare', '--mount', 'true'], capture_output=True, text=True,
                           check=False) if shutil.which('unshare') else None
    if probe is None or probe.returncode != 0:
        reason = probe.stderr.strip() if probe else 'there is no unshare'
        print(f'1..0 # SKIP no mount namespace here: {reason}')
        return 0
    os.execvpe('unshare', ['unshare', '--mount', sys.executable, *sys.argv],
               {**os.environ, INSIDE: '1'})


if __name__ == '__main__':
    sys.exit(main())
