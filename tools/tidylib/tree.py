# SPDX-License-Identifier: Apache-2.0
"""What tidy looks at: the files of the tree, the floors of the house, one C file cut into parts."""

import os
import re
import subprocess

ROOM_ROW = re.compile(r'^\|\s*(\d+)\s*\|\s*(`[^|]+`)\s*\|')
NOT_CORE = {'engine', 'server', 'sim', 'cli'}


class Report:
    """Collects findings; a finding is (path, line, rule, message)."""

    def __init__(self):
        self.findings = []

    def add(self, path, line, rule, message):
        self.findings.append((path, line, rule, message))


class House:
    """The floor law: room -> floor, read from the table in docs/ARCHITECTURE.md."""

    def __init__(self, text):
        self.floor = {}
        self.top = {}
        for line in text.splitlines():
            row = ROOM_ROW.match(line)
            if not row:
                continue
            for name in re.findall(r'`([^`]+)`', row.group(2)):
                if name.endswith('/'):
                    self.floor[name[:-1]] = int(row.group(1))
                else:
                    self.top[name] = int(row.group(1))

    def is_core(self, room):
        return room in self.floor and room not in NOT_CORE

    def core_rooms(self):
        return sorted((r for r in self.floor if self.is_core(r)), key=lambda r: self.floor[r])


def git(root):
    """The start of a git command; a checkout of another owner is read like any."""
    return ('git', '-c', 'safe.directory=*', '-C', root)


def list_files(root):
    """Every file that is, or could be, committed."""
    try:
        out = subprocess.run([*git(root), 'ls-files', '-coz', '--exclude-standard'],
                             check=True, capture_output=True).stdout.decode('utf-8', 'replace')
        names = [n for n in out.split('\0') if n]
    except (OSError, subprocess.CalledProcessError):
        names = []
        for base, folders, files in os.walk(root):
            folders[:] = [f for f in folders
                          if not f.startswith(('build', '.git')) and f != 'node_modules']
            names += [os.path.relpath(os.path.join(base, f), root) for f in files]
    return sorted(n for n in set(names) if os.path.isfile(os.path.join(root, n)))


TOKEN = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
DIRECTIVE = re.compile(r'^[ \t]*#(?:[^\n\\]|\\.|\\\n)*', re.M | re.S)
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"\n]+)"|<([^>\n]+)>)', re.M)
NOT_NEWLINE = re.compile(r'[^\n]')


class Source:
    """One C file: `text` as written, `code` without comments and literals, `body` also without
    directives. All have the same lines, so a position in one is a position in the others."""

    def __init__(self, path, text):
        self.path = path
        self.text = text
        self.comments = []
        self.code = TOKEN.sub(self._cut, text)
        self.body = DIRECTIVE.sub(lambda m: NOT_NEWLINE.sub(' ', m.group()), self.code)
        parts = path.split('/')
        self.room = parts[1] if parts[0] == 'src' and len(parts) > 2 else None
        self.name = parts[-1]

    def _cut(self, match):
        token = match.group()
        if token[0] == '/':
            self.comments.append((match.start(), token))
            return NOT_NEWLINE.sub(' ', token)
        if token[0] == "'":
            return "'" + 'c' * (len(token) - 2) + "'"
        return '"' + NOT_NEWLINE.sub('s', token[1:-1]) + '"'

    def line_at(self, position):
        return self.text.count('\n', 0, position) + 1

    def includes(self):
        """(line, name, quoted?) of each include that is not inside a comment."""
        for match in INCLUDE.finditer(self.text):
            if self.code[match.start():match.end()].lstrip().startswith('#'):
                name = match.group(1) or match.group(2)
                yield self.line_at(match.start()), name, match.group(1) is not None

    def functions(self):
        """(name, first line, last line, start, end) of each function body, by brace depth."""
        depth, start, since = 0, 0, 0
        for match in re.finditer(r'[{};]', self.body):
            char = match.group()
            if char == '{':
                if depth == 0:
                    start, head = match.start(), self.body[since:match.start()].rstrip()
                    is_function = head.endswith(')') and '=' not in head
                    since_head = since + len(head) - len(head.lstrip())
                depth += 1
            elif char == '}':
                depth -= 1
                if depth == 0:
                    if is_function:
                        name = re.search(r'(\w+)\s*\(', head)
                        yield (name.group(1) if name else '?', self.line_at(since_head),
                               self.line_at(match.start()), start, match.end())
                    since = match.end()
                depth = max(depth, 0)
            elif depth == 0:
                since = match.end()
