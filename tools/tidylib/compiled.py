# SPDX-License-Identifier: Apache-2.0
"""The checks that start a compiler: every header alone, and clang-tidy. Both remember, by a hash of
the file and of all it includes from this tree, what was already found good."""

import concurrent.futures
import hashlib
import json
import os
import re
import shlex
import subprocess

CACHE = 'build-tidy/good.json'
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([^"\n]+)"', re.M)
OUTPUT_LINES_MAX = 12
KEPT = ('-I', '-D', '-U', '-isystem', '-std=')


class Hashes:
    """Content hashes of files, taken over everything they include from the tree."""

    def __init__(self, root):
        self.root = root
        self.files = {}

    def _load(self, path):
        if path not in self.files:
            with open(os.path.join(self.root, path), 'rb') as file:
                data = file.read()
            names = []
            for name in INCLUDE.findall(data.decode('utf-8', 'replace')):
                for folder in ('src', os.path.dirname(path), 'tests/lib', 'build/src'):
                    found = os.path.normpath(os.path.join(folder, name))
                    if os.path.isfile(os.path.join(self.root, found)):
                        names.append(found)
                        break
            self.files[path] = (hashlib.sha256(data).digest(), names)
        return self.files[path]

    def of(self, path, extra):
        seen, todo = set(), [path]
        while todo:
            name = todo.pop()
            if name not in seen:
                seen.add(name)
                todo += self._load(name)[1]
        total = hashlib.sha256(extra.encode())
        for name in sorted(seen):
            total.update(name.encode() + b'\0' + self._load(name)[0])
        return total.hexdigest()


def read_cache(root):
    try:
        with open(os.path.join(root, CACHE), encoding='utf-8') as file:
            return json.load(file)
    except (OSError, ValueError):
        return {}


def write_cache(root, kind, good):
    cache = read_cache(root)
    cache[kind] = good
    path = os.path.join(root, CACHE)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + '.new', 'w', encoding='utf-8') as file:
        json.dump(cache, file)
    os.replace(path + '.new', path)


def commands(root):
    """path -> compile command, from the build if there is one."""
    try:
        with open(os.path.join(root, 'build', 'compile_commands.json'), encoding='utf-8') as file:
            entries = json.load(file)
    except OSError:
        return {}
    found = {}
    for entry in entries:
        full = os.path.join(entry['directory'], entry['file'])
        found[os.path.relpath(os.path.realpath(full), os.path.realpath(root))] = entry
    return found


def flags_of_folder(root, known, path):
    """(directory, flags) with which a neighbour of the header is compiled."""
    folder = os.path.dirname(path)
    for name in sorted(known):
        if os.path.dirname(name) != folder:
            continue
        kept, take = [], False
        for word in shlex.split(known[name]['command'])[1:]:
            if take or word.startswith(KEPT):
                kept.append(word)
            take = word in ('-isystem', '-I', '-D')
        return known[name]['directory'], kept
    return root, ['-std=c17', '-Isrc', '-Itests/lib']


def run_all(root, kind, jobs, report, rule):
    """Runs those jobs (path, key, argv, directory, stdin) whose key is not known to be good."""
    known = set(read_cache(root).get(kind, []))
    todo = [job for job in jobs if job[1] not in known]

    def one(job):
        done = subprocess.run(job[2], cwd=job[3], input=job[4], capture_output=True, text=True)
        return job, done.returncode, (done.stdout + done.stderr).strip()

    bad = set()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        for job, status, output in pool.map(one, todo):
            if status != 0:
                bad.add(job[1])
                report.add(job[0], 0, rule, '\n    '.join(output.split('\n')[:OUTPUT_LINES_MAX]))
    write_cache(root, kind, sorted({job[1] for job in jobs} - bad))
    return len(todo)


def check_headers(report, root, paths, say):
    hashes, known, jobs = Hashes(root), commands(root), []
    for path in paths:
        directory, flags = flags_of_folder(root, known, path)
        argv = ['gcc', '-fsyntax-only', '-w', '-fmax-errors=2', '-x', 'c', *flags, '-']
        text = f'#include "{os.path.join(os.path.realpath(root), path)}"\n'
        jobs.append((path, hashes.of(path, repr((argv, directory))), argv, directory, text))
    fresh = run_all(root, 'headers', jobs, report, 'header-alone')
    say(f'headers: {len(jobs)} compile alone ({fresh} tried now)')


def check_clang(report, root, paths, say):
    known, jobs = commands(root), []
    hashes = Hashes(root)
    with open(os.path.join(root, '.clang-tidy'), encoding='utf-8') as file:
        config = file.read()
    for path in paths:
        if path in known:
            argv = ['clang-tidy-14', '-p', 'build', '--quiet',
                    '--extra-arg=-Wno-unknown-warning-option', path]
            key = hashes.of(path, config + known[path]['command'])
            jobs.append((path, key, argv, root, ''))
    fresh = run_all(root, 'clang-tidy', jobs, report, 'clang-tidy')
    say(f'clang-tidy: {len(jobs)} files ({fresh} looked at now)')
