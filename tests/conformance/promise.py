# SPDX-License-Identifier: Apache-2.0
"""Writers that remember what they were promised. Each key has one writer, which writes it again and
again, and now and then deletes it; so a key must hold what was acknowledged last, or something that
was tried after that and came to nothing that the writer knows."""

import random
import threading
import time

import pb

DELETED = -1


class Key:
    def __init__(self):
        self.acknowledged = None    # number of the write, DELETED, or None: nothing yet
        self.tried = []             # since then


class Writer(threading.Thread):
    """Writes keys of its own at one node, until it is told to end or the node is gone."""

    def __init__(self, number, node, keys=20, size=400, delete=0.1, pause=0.0, seed=1):
        super().__init__(daemon=True)
        self.number, self.node, self.size = number, node, size
        self.delete, self.pause = delete, pause
        self.draw = random.Random(seed * 1000 + number)
        self.keys = {b'w%d-%d' % (number, i): Key() for i in range(keys)}
        self.count = self.acknowledged = self.stored = self.refused = 0
        self.errors = {}
        self.slowest = 0.0
        self.running = True
        self.broken = None
        self.client = None

    def run(self):
        try:
            while self.running and self.one():
                time.sleep(self.pause)
        except Exception as error:
            self.broken = error
        if self.client is not None:
            self.client.close()

    def one(self):
        """One write; False when the node is gone."""
        name = self.draw.choice(list(self.keys))
        key = self.keys[name]
        self.count += 1
        deletes = self.draw.random() < self.delete
        began = time.monotonic()
        key.tried.append(DELETED if deletes else self.count)
        try:
            if self.client is None:
                self.client = pb.Client(self.node.pb)
            if deletes:
                self.client.delete(b'promise', name)
            else:
                self.client.put(b'promise', name,
                                pb.stamp(name, self.number, self.count, self.size))
        except pb.Error as error:
            self.failed(key, str(error))
            return True
        except (OSError, pb.Closed):
            return False
        self.slowest = max(self.slowest, time.monotonic() - began)
        key.acknowledged, key.tried = key.tried[-1], []
        self.acknowledged += 1
        self.stored += not deletes
        return True

    def failed(self, key, error):
        self.errors[error] = self.errors.get(error, 0) + 1
        if error == 'disk_full':
            key.tried.pop()
            self.refused += 1
        time.sleep(0.01)

    def end(self):
        self.running = False
        self.join(30)
        if self.broken is not None:
            raise AssertionError(f'writer {self.number} broke: {self.broken!r}')


def begin(count, *arguments, first=0, **named):
    writers = [Writer(first + i, *arguments, **named) for i in range(count)]
    for writer in writers:
        writer.start()
    return writers


def broken_promises(writers, node, **options):
    """Of all keys those that do not hold what they may hold: [(key, found, promised, tried)]."""
    wrong = []
    with pb.Client(node.pb) as client:
        for writer in writers:
            for name, key in writer.keys.items():
                before = {key.acknowledged, *key.tried}
                value = client.get(b'promise', name, **options).value
                found = None
                if value is not None:
                    number, found = pb.unstamp(name, value)
                    if number != writer.number:
                        wrong.append((name, value, key.acknowledged, key.tried))
                        continue
                # The writer may be at it.
                allowed = before | {key.acknowledged, *key.tried}
                if found is None and allowed & {None, DELETED}:
                    continue
                if found not in allowed:
                    wrong.append((name, found, key.acknowledged, key.tried))
    return wrong
