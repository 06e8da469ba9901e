#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the commands of README.md and docs/manual/ as they stand there, section by section.

A command is a line that is indented by four blanks and begins with `dassie`, `curl` or
`build/dassie`; it goes on after a backslash and while its text is indented further. Ports of
127.0.0.1 and directories are replaced by free ones. In a section that starts nodes, those nodes are
what the other commands meet; elsewhere it is a cluster of three, on the ports that `dassie demo`
takes. Words in capitals are placeholders for the reader: such a line is not run, but the command
in it must exist. Every command must succeed, or end as EXPECTED says."""

import os
import re
import shutil
import subprocess
import sys
import tempfile

from cluster import BINARY, ROOT, Cluster, Node, dassie, free_ports
from tap import check, equal, note

TEXTS = ['README.md', *sorted(os.path.join('docs/manual', name)
                              for name in os.listdir(os.path.join(ROOT, 'docs/manual')))]
# What does not end with 0, and why.
EXPECTED = {
    'dassie get --type docs notes today': (0, 7),                       # siblings, then settled
    'dassie get --type docs --context /tmp/today notes today': (7,),    # siblings
}
PLACEHOLDER = re.compile(r'(?<!-X )\b[A-Z]{3,}(?:_[A-Z]+)*\b(?!=|\')|\[|\.\.\.')
NOT_RUN = re.compile(r'dassie (demo|start --config|bench)\b|make ')
USUAL = (8087, 8098, 8099)


def commands_of(text):
    """(section, command) for each command."""
    section, found = '', []
    for line in text.splitlines():
        if line.startswith('#'):
            section = line.lstrip('# ')
        match = re.match(r'    ((?:build/)?dassie|curl)( .*)?$', line)
        if match:
            found.append([section, line.strip()])
        elif found and re.match(r'         ? *\S', line) and found[-1][1].endswith('\\'):
            found[-1][1] = found[-1][1][:-1] + line.strip()
    return [(section, re.sub(r'  +.*$', '', command).replace('build/dassie', 'dassie'))
            for section, command in found]


class Section:
    """The nodes that the commands of one section meet, and what their words are replaced by."""

    def __init__(self, cluster):
        self.folder = tempfile.mkdtemp(prefix='dassie-manual-')
        self.ports, self.nodes = {}, []
        for i, node in enumerate(cluster.nodes if cluster else ()):
            for usual, port in zip(USUAL, (node.pb, node.http, node.peer)):
                self.ports[usual + 100 * i] = port

    def port(self, number):
        if number not in self.ports:
            self.ports[number], = free_ports(1)
        return self.ports[number]

    def replace(self, command):
        command = re.sub(r'127\.0\.0\.1:(\d+)',
                         lambda m: f'127.0.0.1:{self.port(int(m.group(1)))}', command)
        command = command.replace('/tmp/', self.folder + '/')
        return command.replace('/var/lib/dassie', self.folder)

    def environment(self):
        folder = os.path.join(self.folder, 'bin')
        if not os.path.isdir(folder):
            os.mkdir(folder)
            os.symlink(BINARY, os.path.join(folder, 'dassie'))
        return {**os.environ, 'PATH': folder + ':' + os.environ['PATH'],
                'DASSIE_PB': f'127.0.0.1:{self.port(8087)}',
                'DASSIE_AT': f'127.0.0.1:{self.port(8098)}'}

    def start(self, command):
        """A node, with what the command leaves to the defaults on free ports."""
        words = self.replace(command).split()[1:]
        node = Node(f'm{len(self.nodes)}', self.folder)
        for option, usual in zip(('--pb', '--http', '--peer'), USUAL):
            if option not in words:
                words += [option, f'127.0.0.1:{self.port(usual)}']
        if '--data' not in words:
            words += ['--data', node.data]
        elif not words[words.index('--data') + 1].startswith('/'):
            words[words.index('--data') + 1] = node.data
        node.http = int(words[words.index('--http') + 1].rsplit(':', 1)[1])
        node.arguments = lambda: words
        node.start()
        self.nodes.append(node)
        node.wait_ready()

    def run(self, command):
        if command.startswith('dassie start'):
            self.start(command)
            return
        done = subprocess.run(self.replace(command), shell=True, capture_output=True, timeout=60,
                              env=self.environment(), cwd=self.folder, check=False)
        check(done.returncode in EXPECTED.get(command, (0,)), command, 'ended with',
              done.returncode, done.stdout.decode(), done.stderr.decode())
        if command.startswith('curl'):
            check(b'<html>' not in done.stdout and b'not found' not in done.stdout, command,
                  done.stdout)

    def close(self):
        for node in self.nodes:
            if node.process and node.process.poll() is None:
                node.process.kill()
                node.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def is_known(command):
    """Whether the command exists: it has a help text."""
    words = re.findall(r'[a-z-]+', re.split(r' -| [A-Z\[\']|\d', command)[0])[1:3]
    for count in (2, 1):
        if words[:count] and dassie('help', *words[:count], status=None).returncode == 0:
            return True
    return words == []


def run_section(commands, cluster):
    own = any(command.startswith('dassie start') for command in commands)
    section = Section(None if own else cluster)
    try:
        for command in commands:
            if NOT_RUN.match(command) or (PLACEHOLDER.search(command)):
                if command.startswith('dassie'):
                    check(is_known(command), 'there is no such command:', command)
                note(f'only looked up: {command}')
            else:
                section.run(command)
        for node in section.nodes:
            equal(node.stop(), 0)
    finally:
        section.close()


def main():
    number = failed = 0
    with Cluster(3) as cluster:
        for path in TEXTS:
            with open(os.path.join(ROOT, path), encoding='utf-8') as file:
                commands = commands_of(file.read())
            for name in dict.fromkeys(section for section, _ in commands):
                number += 1
                mine = [command for section, command in commands if section == name]
                try:
                    run_section(mine, cluster)
                    print(f'ok {number} {path}: {name}, {len(mine)} commands', flush=True)
                except Exception as error:
                    failed += 1
                    print(f'not ok {number} {path}: {name}', flush=True)
                    note(error)
        cluster.stop()
    print(f'1..{number}')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
