# SPDX-License-Identifier: Apache-2.0
"""A node on a disk that fails when it is told to: the other end of faultdisk/faultdisk.c.

    disk = FaultDisk(node); node.start()
    disk.arm(SYNC, errno.EIO, first=3)      the third sync from now on fails
    disk.slow(SYNC, 1.5)                    each sync takes so long
    node.kill(); disk.power_cut(draw)       what was not synced is lost, as chance will have it

A power loss keeps every byte that was synced. Of the rest of each file it keeps a part, which may
be damaged in a write-ahead log; and of a directory either the names as they are or those of its
last sync. That other files only end too early is what file systems promise that write a file's
length after its bytes (ext4 in its default mode, XFS, btrfs): the engine's manifest needs that."""

import mmap
import os
import struct
import sys

from cluster import ROOT

WRITE, SYNC, NAME, READ = 1, 2, 4, 8
FOREVER = (1 << 64) - 1
CONTROL = struct.Struct('<IIIIQQQQQ')
LIBRARY = os.environ.get(
    'DASSIE_FAULTDISK', os.path.join(ROOT, 'build/tests/conformance/faultdisk/libfaultdisk.so'))


def require():
    """Ends a suite that cannot run here, with the reason."""
    if not os.path.exists(LIBRARY):
        print(f'1..0 # SKIP {LIBRARY} is not built')
        sys.exit(0)


class FaultDisk:
    def __init__(self, node):
        self.root = node.data
        self.folder = node.data + '.disk'
        self.graves = os.path.join(self.folder, 'graves')
        self.ledger = os.path.join(self.folder, 'ledger')
        os.makedirs(self.graves)
        path = os.path.join(self.folder, 'control')
        with open(path, 'wb') as file:
            file.write(bytes(CONTROL.size))
        with open(path, 'r+b') as file:
            self.control = mmap.mmap(file.fileno(), CONTROL.size)
        node.environment = {
            **os.environ, 'LD_PRELOAD': LIBRARY, 'FAULTDISK_ROOT': self.root,
            'FAULTDISK_CONTROL': path, 'FAULTDISK_LEDGER': self.ledger,
            'FAULTDISK_GRAVES': self.graves}

    def fields(self):
        return list(CONTROL.unpack(self.control[:]))

    def write(self, fields):
        self.control[:] = CONTROL.pack(*fields)

    def arm(self, calls, error, first=1, count=FOREVER):
        old = self.fields()
        # Not in one piece for the other side: so nothing fails while the rest changes.
        self.write([0, *old[1:]])
        self.write([0, error, old[2], old[3], first, count, 0, 0, old[8]])
        self.control[0:4] = struct.pack('<I', calls)

    def calm(self):
        self.write([0] * 9)

    def slow(self, calls, seconds):
        old = self.fields()
        self.write([*old[:2], calls, int(seconds * 1e6), *old[4:]])

    @property
    def seen(self):
        return self.fields()[6]

    @property
    def failed(self):
        return self.fields()[7]

    @property
    def slowed(self):
        return self.fields()[8]

    def begin_ledger(self):
        """What is there now is safe."""
        with open(self.ledger, 'w', encoding='utf-8') as file:
            for folder, _, names in os.walk(self.root):
                words = ['D', folder]
                for entry in os.scandir(folder):
                    words += [entry.name, str(entry.inode())]
                file.write('\t'.join(words) + '\n')
                for name in names:
                    stat = os.stat(os.path.join(folder, name))
                    file.write(f'S\t{stat.st_ino}\t{stat.st_size}\n')
        for name in os.listdir(self.graves):
            os.unlink(os.path.join(self.graves, name))

    def read_ledger(self):
        """({inode: synced bytes}, {directory: {name: inode}})."""
        sizes, names = {}, {}
        with open(self.ledger, encoding='utf-8') as file:
            for line in file:
                word, *rest = line.rstrip('\n').split('\t')
                if word == 'S':
                    inode, size = int(rest[0]), int(rest[1])
                    sizes[inode] = max(size, sizes.get(inode, 0))
                else:
                    names[rest[0]] = dict(zip(rest[1::2], map(int, rest[2::2])))
        return sizes, names

    def power_cut(self, draw, all_bytes=False):
        """What the disk holds when the power is back; the process must be dead. Returns how many
        bytes were lost or damaged, and how many names went back. With `all_bytes` no byte that was
        not synced is left, and every name is."""
        sizes, names = self.read_ledger()
        renamed = sum(self.forget_names(folder, known) for folder, known in names.items()
                      if not all_bytes and draw.random() < 0.5)
        lost = 0
        for folder, _, files in os.walk(self.root):
            for name in files:
                path = os.path.join(folder, name)
                safe = sizes.get(os.stat(path).st_ino, 0)
                lost += (cut_bytes(path, safe) if all_bytes else
                         forget_bytes(path, safe, draw, damage=name.endswith('.log')))
        self.begin_ledger()
        return lost, renamed

    def forget_names(self, folder, known):
        """The directory is as it was when it was synced last."""
        if not os.path.isdir(folder):
            return 0
        present = {entry.name: entry for entry in os.scandir(folder)
                   if entry.is_file(follow_symlinks=False)}
        by_inode = {entry.inode(): entry.path for entry in present.values()}
        changes = 0
        fresh = {}
        for name, inode in known.items():
            if name in present and present[name].inode() == inode:
                continue
            source = by_inode.get(inode, os.path.join(self.graves, str(inode)))
            if os.path.isfile(source):
                fresh[name] = f'{self.folder}/again-{inode}'
                if not os.path.exists(fresh[name]):
                    os.link(source, fresh[name])
        for name, entry in present.items():
            if known.get(name) != entry.inode():
                changes += 1
                os.unlink(entry.path)
        for name, source in fresh.items():
            changes += 1
            os.link(source, os.path.join(folder, name))
        for source in set(fresh.values()):
            os.unlink(source)
        return changes


def cut_bytes(path, safe):
    """Keeps only the first `safe` bytes of a file. Returns how many are gone."""
    size = os.path.getsize(path)
    os.truncate(path, min(size, safe))
    return max(size - safe, 0)


def forget_bytes(path, safe, draw, damage=True):
    """Keeps the first `safe` bytes of a file. Returns how many of the rest are not as they were."""
    size = os.path.getsize(path)
    if size <= safe:
        return 0
    kept = draw.choice((safe, safe, draw.randrange(safe, size + 1), size))
    with open(path, 'r+b') as file:
        file.truncate(kept)
        how = draw.randrange(4) if kept > safe and damage else 0
        if how == 0:
            return size - kept
        # The length was written and the bytes were not, or not all of them.
        at = draw.randrange(safe, kept) if how == 1 else safe
        end = min(kept, (at // 4096 + 1) * 4096) if how == 2 else kept
        file.seek(at)
        file.write(bytes(end - at) if how < 3 else draw.randbytes(end - at))
    return size - kept + end - at
