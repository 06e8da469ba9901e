#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A disk that fails under a real node (faultdisk.py): the n-th write or sync, while it serves and
while it starts. It must end with the status and the words of the manual, say nothing after the
failure that it cannot keep, and start again when the disk is well. Between its lives the power
fails, too: what was not synced is lost.

DASSIE_DISK_ROUNDS says how many failures of each kind (3), DASSIE_DISK_SEED which."""

import errno
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import promise
from cluster import Node
from faultdisk import SYNC, WRITE, FaultDisk, require
from tap import Skip, check, equal, note, run

ROUNDS = int(os.environ.get('DASSIE_DISK_ROUNDS', '3'))
SEED = int(os.environ.get('DASSIE_DISK_SEED', '0')) or random.randrange(1, 1 << 32)
END_SECONDS = 10
STATUS_IO = 74
# Small memory: tables are written, and the manifest, while the test runs.
SETTINGS = ('storage.memtable_size=1MB', 'storage.free_min=0')


class Place:
    """One node on a disk that can fail."""

    def __init__(self, settings=SETTINGS):
        self.folder = tempfile.mkdtemp(prefix='dassie-test-')
        try:
            self.node = Node('n1', self.folder, settings)
            self.disk = FaultDisk(self.node)
        except BaseException:
            shutil.rmtree(self.folder)
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.node.process is not None and self.node.process.poll() is None:
            self.node.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self):
        self.node.start()
        self.node.wait_ready()

    def ends(self):
        """The exit status, which must come soon."""
        try:
            return self.node.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            return None

    def said(self):
        with open(self.node.log, encoding='utf-8', errors='replace') as log:
            return log.read()


def kept(place, writers, words):
    wrong = promise.broken_promises(writers, place.node)
    equal(wrong[:3], [], words, f'{len(wrong)} promises broken')


def test_the_disk_fails_as_told():
    """The library itself, under a program of three lines."""
    with Place() as place:
        os.makedirs(place.node.data)
        path = os.path.join(place.node.data, 'file.log')
        program = f'''
import os
fd = os.open({path!r}, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
for i in range(4):
    try:
        os.write(fd, b"x" * 100); os.fsync(fd); print("ok")
    except OSError as error: print(error.errno)
os.write(fd, b"y" * 50)
'''
        place.disk.arm(SYNC, errno.EIO, first=2, count=2)
        done = subprocess.run([sys.executable, '-c', program], env=place.node.environment,
                              capture_output=True, text=True, check=True)
        if place.disk.seen == 0:
            raise Skip('this system does not let a library stand before its calls')
        equal(done.stdout.split(), ['ok', str(errno.EIO), str(errno.EIO), 'ok'])
        equal(place.disk.failed, 2)
        inode = os.stat(path).st_ino
        equal(place.disk.read_ledger()[0][inode], 400)
        sizes = set()
        for seed in range(40):
            with open(path, 'wb') as file:
                file.write(b'x' * 400 + b'y' * 50)
            sizes_before, _ = place.disk.read_ledger()
            check(inode in sizes_before)
            place.disk.power_cut(random.Random(seed))
            with open(path, 'rb') as file:
                left = file.read()
            equal(left[:400], b'x' * 400)
            sizes.add((len(left), left[400:] == b'y' * (len(left) - 400)))
            with open(place.disk.ledger, 'w', encoding='utf-8') as file:
                file.write(f'S\t{inode}\t400\n')
        check(len(sizes) > 3 and (400, True) in sizes and (450, False) in sizes, sizes)


def fail_once(place, calls, error, number, writers_first, draw):
    """The node serves, the disk fails, and fails on; then the power, too. Returns the writers."""
    writers = promise.begin(4, place.node, first=writers_first, seed=SEED)
    time.sleep(draw.uniform(0.05, 0.3))
    place.disk.arm(calls, error, first=number)
    status = place.ends()
    for writer in writers:
        writer.end()
    what = f'{"sync" if calls == SYNC else "write"} {number} after arming, error {error}'
    equal(status, STATUS_IO, what, place.node.log_end())
    said = place.said()
    check('this node stops: input/output error' in said, what, place.node.log_end())
    check('the disk: IO error: ' in said, what, place.node.log_end())
    place.disk.calm()
    lost, names = place.disk.power_cut(draw)
    note(f'{what}: {sum(w.acknowledged for w in writers)} acknowledged, then {lost} bytes and '
         f'{names} names lost')
    return writers


def test_a_failure_ends_the_node_and_loses_nothing():
    note(f'DASSIE_DISK_SEED={SEED} DASSIE_DISK_ROUNDS={ROUNDS}')
    draw = random.Random(SEED)
    kinds = ((SYNC, errno.EIO), (WRITE, errno.EIO), (SYNC, errno.ENOSPC), (SYNC, errno.EDQUOT))
    with Place() as place:
        all_writers = []
        for number in range(1, ROUNDS + 1):
            for calls, error in kinds:
                place.start()
                kept(place, all_writers[-8:], 'after the restart:')
                all_writers += fail_once(place, calls, error, draw.randrange(1, 4 * number + 1),
                                         len(all_writers), draw)
        place.start()
        kept(place, all_writers, 'in the end:')
        acknowledged = sum(writer.acknowledged for writer in all_writers)
        check(acknowledged > 20 * ROUNDS, 'too few writes to mean anything:', acknowledged)
        equal(place.node.stop(), 0)


def test_one_failure_is_enough():
    """The disk fails once, and would work again: nothing is tried again as if that proved it."""
    draw = random.Random(SEED)
    with Place() as place:
        place.start()
        writers = promise.begin(4, place.node, seed=SEED)
        time.sleep(0.2)
        place.disk.arm(SYNC, errno.EIO, count=1)
        equal(place.ends(), STATUS_IO, place.node.log_end())
        equal(place.disk.failed, 1)
        for writer in writers:
            writer.end()
        place.disk.power_cut(draw)
        place.start()
        kept(place, writers, 'after one failed sync:')
        equal(place.node.stop(), 0)


def test_a_start_that_fails_can_be_repeated():
    """The n-th write or sync of a start fails: it says so and ends, or did not need it."""
    draw = random.Random(SEED)
    with Place() as place:
        place.start()
        writers = promise.begin(2, place.node, seed=SEED)
        time.sleep(0.5)
        place.node.kill()
        for writer in writers:
            writer.end()
        ended = 0
        for calls in (SYNC, WRITE):
            for number in sorted(draw.sample(range(1, 31), min(30, 2 * ROUNDS))):
                place.disk.power_cut(draw)
                place.disk.arm(calls, errno.EIO, first=number)
                place.node.start()
                end = time.monotonic() + END_SECONDS
                while (place.node.process.poll() is None and not place.node.is_ready()
                       and time.monotonic() < end):
                    time.sleep(0.02)
                status = place.node.process.poll()
                # Debian's RocksDB stops the process when its own log cannot be written while it
                # opens.
                library = status == -signal.SIGABRT and 'Assertion' in place.said()
                check(status in (None, STATUS_IO) or library, f'call {number}: status {status}',
                      place.node.log_end())
                ended += status is not None
                if status is None:
                    place.node.kill()
                place.disk.calm()
        note(f'{ended} starts failed')
        check(ended >= ROUNDS, 'too few starts failed:', ended)
        place.disk.power_cut(draw)
        place.start()
        kept(place, writers, 'after failed starts:')
        equal(place.node.stop(), 0)


def test_no_space_is_no_end():
    """Writes find no space for a while: the node stays, says so to its clients, and comes back by
    itself."""
    with Place() as place:
        place.start()
        writers = promise.begin(4, place.node, seed=SEED)
        time.sleep(0.3)
        place.disk.arm(WRITE, errno.ENOSPC)
        time.sleep(1)
        check(place.disk.failed > 0)
        equal(place.node.process.poll(), None, place.node.log_end())
        before = sum(writer.stored for writer in writers)
        time.sleep(1)
        equal(sum(writer.stored for writer in writers), before, 'stored without space')
        check(any(writer.refused for writer in writers), 'nothing was refused early')
        kept(place, writers, 'without space:')
        place.disk.calm()
        end = time.monotonic() + 40
        while sum(writer.stored for writer in writers) < before + 50:
            check(time.monotonic() < end, 'no writes after there is space:', place.node.log_end())
            equal(place.node.process.poll(), None, place.node.log_end())
            time.sleep(0.1)
        note(f'writes again {time.monotonic() - end + 40:.1f} s after there was space')
        for writer in writers:
            writer.end()
        kept(place, writers, 'with space again:')
        place.node.kill()
        place.disk.power_cut(random.Random(SEED))
        place.start()
        kept(place, writers, 'after a power loss:')
        equal(place.node.stop(), 0)


if __name__ == '__main__':
    require()
    sys.exit(run(sys.modules[__name__]))
