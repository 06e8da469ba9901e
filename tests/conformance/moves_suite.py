#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Replicas move between real processes while clients read and write, and while nodes die and stand
still: two nodes join, two leave, one is lost with its disk and is replaced. Nothing that was
acknowledged may be lost or be missing at any moment, and in the end all replicas are equal.

Requests say sloppy_quorum=false: then a read that began after a write was acknowledged must meet
it. With fallbacks it need not (DASSIE_MOVES_SLOPPY=1), also where nothing moves
(DASSIE_MOVES_SECONDS=40: trouble for so long instead of changes).

DASSIE_MOVES_OBJECTS says how many objects there are at first (5,000), DASSIE_MOVES_SEED what
happens when, DASSIE_MOVES_KEEP keeps the data and the logs."""

import http.client
import json
import os
import random
import shutil
import signal
import sys
import threading
import time

from cluster import Cluster, Node, dassie
from tap import check, equal, note, run
from traffic import TYPE, VALUE_BYTES, Traffic

OBJECTS = int(os.environ.get('DASSIE_MOVES_OBJECTS', '5000'))
SEED = int(os.environ.get('DASSIE_MOVES_SEED', '0')) or random.randrange(1, 1 << 32)
SECONDS = int(os.environ.get('DASSIE_MOVES_SECONDS', '0'))
KEEP = bool(os.environ.get('DASSIE_MOVES_KEEP'))
NODES = 6
PARTITIONS = 1024
WORKERS = 6
SETTINGS = [f'ring_size={PARTITIONS}', f'slots={PARTITIONS}', 'transfers.hold_time=2s',
            'transfer_limit=8', 'anti_entropy.concurrency=8']
CHANGE_SECONDS = 60 + OBJECTS / 500
QUIET_SECONDS = 3
RECOVER_SECONDS = 30
ENOUGH_SECONDS = 60
UNDER_WAY = ('moving', 'active', 'waiting', 'ready', 'strays')


def status_of(node):
    code, body = node.request('/dassie/v1/status')
    equal(code, 200)
    return json.loads(body)


def told(node):
    code, body = node.request('/dassie/v1/aae')
    equal(code, 200)
    return json.loads(body)


class Copied:
    """Bytes that were copied, over the lives of nodes: each counts from its start."""

    def __init__(self):
        self.ended, self.now = 0, {}

    def look(self, node):
        transfers = status_of(node)['transfers']
        before, count = self.now.get(node.name, 0), transfers['bytes']
        if count < before:
            self.ended += before
        self.now[node.name] = count
        return transfers

    def total(self):
        return self.ended + sum(self.now.values())


class Trouble(threading.Thread):
    """Kills one node or makes it stand still, waits until it is back and has what was kept for it,
    and goes on with another."""

    def __init__(self, town):
        super().__init__(daemon=True)
        self.town, self.draw = town, random.Random(SEED + 1)
        self.running, self.broken, self.over = True, None, threading.Event()
        self.kills = self.stops = 0

    def run(self):
        try:
            while self.running:
                with self.town.bad:
                    node = self.draw.choice(self.town.cluster.nodes)
                    self.draw.choice((self.kill, self.stand_still))(node)
                    self.recover(node)
                time.sleep(self.draw.uniform(1, 2))
        except Exception as error:
            self.broken = error
        self.over.set()
        # A node dies with the thread that started it (cluster.py), so this one stays.
        threading.Event().wait()

    def kill(self, node):
        self.kills += 1
        self.town.copied.look(node)
        node.kill()
        time.sleep(self.draw.uniform(0.1, 1.5))
        node.start()

    def stand_still(self, node):
        self.stops += 1
        node.signal(signal.SIGSTOP)
        time.sleep(self.draw.uniform(0.2, 2))
        node.signal(signal.SIGCONT)

    def recover(self, node):
        end = time.monotonic() + RECOVER_SECONDS
        while not self.town.is_well(node) and not self.town.has_gone(node):
            check(time.monotonic() < end, node.name, 'does not recover')
            time.sleep(0.05)

    def end(self):
        """Once it was enough to mean something."""
        until = time.monotonic() + ENOUGH_SECONDS
        while (self.kills < 2 or self.stops < 2) and not self.broken and time.monotonic() < until:
            time.sleep(0.1)
        self.running = False
        check(self.over.wait(RECOVER_SECONDS + 30), 'the trouble does not end')
        check(self.broken is None, 'the trouble broke:', repr(self.broken))
        note(f'{self.kills} kills, {self.stops} stops')
        check(self.kills >= 2 and self.stops >= 2, 'too few to mean anything')


class Town:
    """The cluster, those that join and leave it, and those that are lost."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.copied = Copied()
        self.bad = threading.Lock()     # held while a node is bad, or none may be
        self.count = len(cluster.nodes)
        self.useful = list(cluster.nodes)
        self.lost, self.goes = None, set()
        self.traffic = Traffic(lambda: self.useful, WORKERS, OBJECTS, seed=SEED)

    def fresh(self):
        """A new node, that is no member yet."""
        self.count += 1
        node = Node(f'n{self.count}', self.cluster.folder, SETTINGS)
        node.start()
        node.wait_ready()
        return node

    def is_well(self, node):
        """Whether it serves, all others reach it, and nothing is kept for it."""
        if not node.is_ready():
            return False
        for other in self.cluster.nodes:
            if other.name in self.goes and self.has_gone(other):
                continue
            status = status_of(other)
            for member in status['members']:
                if member['name'] == node.name and not member['reachable']:
                    return False
            if self.lost is None and status['transfers']['hints']:
                return False
        return True

    def has_gone(self, node):
        """Whether it has left: it answers no client any more."""
        other = next(other for other in self.cluster.nodes if other.name not in self.goes)
        return node.name in self.goes and all(
            member['name'] != node.name for member in status_of(other)['members'])

    def admin(self, *words):
        return dassie(*words, '--at', f'127.0.0.1:{self.cluster.nodes[0].http}')

    def join(self, node):
        dassie('cluster', 'join', f'127.0.0.1:{self.cluster.nodes[0].peer}',
               '--at', f'127.0.0.1:{node.http}')

    def commit(self):
        """Commits what is staged; how many replicas get another place."""
        plan = json.loads(self.admin('cluster', 'plan', '-o', 'json').stdout)
        check(not plan['refused'] and not plan['empty'], plan)
        self.admin('cluster', 'commit', plan['plan'])
        return plan['moved']

    def settled(self, gone):
        """Whether all is where it shall be, nothing is left behind, and these are gone."""
        for node in self.cluster.nodes:
            if node.name in self.goes:
                continue
            status, moves = status_of(node), self.copied.look(node)
            names = {member['name'] for member in status['members']}
            if any(moves[what] for what in UNDER_WAY):
                return False
            if names & gone:
                return False
        return True

    def wait_settled(self, name, gone):
        """The seconds until nothing was to be moved any more, until all was over."""
        began, over = time.monotonic(), None
        while True:
            # Clients need not ask who has left.
            self.useful = [node for node in self.useful if node.name not in self.departed()]
            try:
                if over is None and not self.moving():
                    over = time.monotonic() - began
                if self.settled(gone):
                    return over, time.monotonic() - began
            except (OSError, http.client.HTTPException):
                pass    # it is dead just now, or stands still
            if time.monotonic() - began > CHANGE_SECONDS:
                self.explain()
                check(False, name, 'is not over after', f'{CHANGE_SECONDS:.0f} s')
            time.sleep(0.1)

    def departed(self):
        try:
            return {node.name for node in self.cluster.nodes if self.has_gone(node)}
        except (OSError, http.client.HTTPException):
            return set()

    def moving(self):
        other = next(other for other in self.cluster.nodes if other.name not in self.goes)
        return status_of(other)['transfers']['moving']

    def change(self, name, stage, comes=(), goes=(), lost=()):
        """Stages, commits, and waits until all is moved; says what it took."""
        self.traffic.enter(name)
        before = self.copied.total()
        with self.bad:
            stage()
            moved = self.commit()
            self.cluster.nodes += comes
            self.useful = list(self.cluster.nodes)
            self.goes = {node.name for node in goes}
        over, spent = self.wait_settled(name, self.goes | set(lost))
        with self.bad:
            self.cluster.nodes = [node for node in self.cluster.nodes if node not in goes]
            self.useful, self.goes = list(self.cluster.nodes), set()
        copied = self.copied.total() - before
        least = moved * self.objects() * VALUE_BYTES / PARTITIONS
        note(f'{name}: {moved} replicas moved within {over or spent:.1f} s, all over after '
             f'{spent:.1f} s; {copied} bytes were copied, {copied / max(1, least):.2f} of the '
             'bytes of their values')
        self.traffic.enter(f'after {name}')

    def objects(self):
        return sum(len(worker.names) for worker in self.traffic.workers)

    def explain(self):
        for node in self.cluster.nodes:
            try:
                status = status_of(node)
                members = [(member['name'], member['state'], member['reachable'],
                            member['partitions'], member['goal']) for member in status['members']]
                note(f'{node.name}: epoch {status["epoch"]}, {status["transfers"]}, {members}')
            except (OSError, http.client.HTTPException) as error:
                note(f'{node.name}: {error!r}')

    def two_join(self):
        nodes = [self.fresh(), self.fresh()]

        def stage():
            for node in nodes:
                self.join(node)
        self.change('two join', stage, comes=nodes)

    def two_leave(self):
        nodes = self.cluster.nodes[2:4]

        def stage():
            for node in nodes:
                self.admin('cluster', 'leave', node.name)
        self.change('two leave', stage, goes=nodes)
        for node in nodes:
            equal(node.stop(), 0, node.name, 'exit status')

    def one_is_lost(self):
        """Its disk, too; another one gets copies of all that it had."""
        with self.bad:
            self.lost = self.cluster.nodes.pop(1)
            self.useful = list(self.cluster.nodes)
            self.lost.kill()
            shutil.rmtree(self.lost.data)
        self.traffic.enter('one is lost')
        time.sleep(1)
        fresh = self.fresh()

        def stage():
            self.join(fresh)
            self.admin('cluster', 'force-replace', self.lost.name, fresh.name)
        self.change('one is replaced', stage, comes=[fresh], lost=[self.lost.name])
        self.lost = None


def judge(town):
    """What clients may never see."""
    traffic = town.traffic
    equal(traffic.refused_errors(), [], 'errors')
    equal(traffic.missing[:5], [], len(traffic.missing), 'present keys not found')
    equal(traffic.damaged[:5], [], len(traffic.damaged), 'damaged values')
    equal(traffic.stale[:5], [], len(traffic.stale), 'reads of what was replaced')


def all_is_there(town):
    """Every acknowledged write, through every node."""
    began = time.monotonic()
    town.traffic.enter('afterwards')
    for node in town.cluster.nodes:
        count = town.traffic.read_all(node)
    note(f'{count} keys read through each of {len(town.cluster.nodes)} nodes '
         f'in {time.monotonic() - began:.1f} s')


def compare_all(town):
    """Has all replicas compared; how many objects differed."""
    before = {node.name: told(node) for node in town.cluster.nodes}
    for node in town.cluster.nodes:
        dassie('repair', '--at', f'127.0.0.1:{node.http}')
    end = time.monotonic() + CHANGE_SECONDS
    differed = passes = 0
    for node in town.cluster.nodes:
        pairs = len(told(node)['partitions'])
        while told(node)['passes'] - before[node.name]['passes'] < pairs:
            check(time.monotonic() < end, node.name, 'does not end its comparisons')
            time.sleep(0.2)
        after = told(node)
        equal(after['left'], before[node.name]['left'], node.name, 'left')
        passes += pairs
        for what in ('pulled', 'pushed'):
            differed += after[what] - before[node.name][what]
    note(f'{passes} comparisons, {differed} objects differed')
    return differed


def test_replicas_move_under_load():
    note(f'DASSIE_MOVES_OBJECTS={OBJECTS} DASSIE_MOVES_SEED={SEED}')
    with Cluster(NODES, types={TYPE.decode(): {'allow_mult': True}}, settings=SETTINGS,
                 keep=KEEP) as cluster:
        town = Town(cluster)
        began = time.monotonic()
        town.traffic.load()
        note(f'{OBJECTS} objects written in {time.monotonic() - began:.1f} s')
        town.traffic.begin('before')
        time.sleep(QUIET_SECONDS)
        trouble = Trouble(town)
        trouble.start()
        try:
            if SECONDS > 0:
                time.sleep(SECONDS)
            else:
                town.two_join()
                town.two_leave()
                town.one_is_lost()
            trouble.end()
        finally:
            broken = town.traffic.end()
            for phase in town.traffic.phases:
                note(phase)
        equal(broken, [], 'clients that broke')
        judge(town)
        all_is_there(town)
        judge(town)
        compare_all(town)
        equal(compare_all(town), 0, 'objects that still differ')
        cluster.stop()


if __name__ == '__main__':
    sys.exit(run(sys.modules[__name__]))
