# SPDX-License-Identifier: Apache-2.0
"""The rules that need nothing but the text of the tree."""

import re
import socket

FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 70
COLUMNS_MAX = 100
REFUSED_ROOMS = {'util', 'utils', 'common', 'misc', 'helpers', 'helper', 'lib', 'shared'}

SPDX_TEXT = 'SPDX' '-License-Identifier: Apache-2.0'
SPDX_C = '/* ' + SPDX_TEXT + ' */'

# Headers the core may include: what it needs must be on this list, so that a new one is a decision.
CORE_HEADERS = {'stdint.h', 'stddef.h', 'stdbool.h', 'stdalign.h', 'stdarg.h', 'limits.h',
                'inttypes.h', 'string.h'}
ROOM_HEADERS = {
    'base': ('stdio.h', 'stdlib.h', 'xxhash.h', 'immintrin.h', 'nmmintrin.h', 'cpuid.h',
             'arm_acle.h'),
    'wire': ('http_parser.h', 'protobuf-c/', 'yajl/', 'zlib.h'),
    'index': ('utf8proc.h', 'libstemmer.h'),
    'query': ('pcre2.h', 'roaring/'),
}
# Headers that have one home outside the core; elsewhere they are refused.
ONLY_IN = {
    'rocksdb/c.h': re.compile(r'^src/engine/rocks[^/]*\.[ch]$'),
    'uv.h': re.compile(r'^src/server/'),
    'jansson.h': re.compile(r'^src/cli/'),
    'histedit.h': re.compile(r'^src/cli/'),
    'ncurses.h': re.compile(r'^src/cli/'),
    'curses.h': re.compile(r'^src/cli/'),
}

UNFINISHED = re.compile(r'\b(' + '|'.join(('TO' + 'DO', 'FIX' + 'ME', 'XX' + 'X')) + r')\b')
MACHINE_PATH = re.compile(r'(?<![\w.$}/-])/(?:work|root|home)/\w')
FOREIGN = re.compile(r'\b(?:' + '|'.join((
    'language' + ' model', 'chat' + r'bot', 'coding' + ' assistant', r'ai[- ]' + 'generated',
    'system' + ' prompt')) + r')s?\b', re.I)


def check_lines(report, path, lines):
    """Line rules of every text file that people edit here."""
    host = socket.gethostname()
    told = len(host) >= 8 and re.search(r'\d', host) and not host.startswith(('dassie', 'debian'))
    is_code = path.endswith(('.c', '.h'))
    for number, line in enumerate(lines, 1):
        if len(line) > COLUMNS_MAX and not path.endswith('.md'):
            report.add(path, number, 'columns', f'{len(line)} columns, {COLUMNS_MAX} allowed')
        if line != line.rstrip():
            report.add(path, number, 'blank', 'white space at the end of the line')
        if is_code and '\t' in line:
            report.add(path, number, 'blank', 'a tab; indentation is four spaces')
        if UNFINISHED.search(line):
            report.add(path, number, 'unfinished', 'open an issue instead of leaving a mark')
        if MACHINE_PATH.search(line):
            report.add(path, number, 'machine', 'a path of the machine it was written on')
        elif told and host in line:
            report.add(path, number, 'machine', 'the name of the machine it was written on')
        if FOREIGN.search(line):
            report.add(path, number, 'foreign', 'does not belong in this repository')


def check_size(report, path, lines):
    if len(lines) > FILE_LINES_MAX:
        report.add(path, len(lines), 'file-lines',
                   f'{len(lines)} lines, {FILE_LINES_MAX} allowed: find the second noun')


def check_spdx(report, path, lines):
    count = sum(SPDX_TEXT in line for line in lines)
    if path.endswith(('.c', '.h')):
        good = bool(lines) and lines[0] == SPDX_C
        where = 'the first line'
    elif path.endswith(('.js', '.mjs')):
        good, where = any(line == '// ' + SPDX_TEXT for line in lines[:2]), 'line 1 or 2'
    else:
        good, where = any(line == '# ' + SPDX_TEXT for line in lines[:2]), 'line 1 or 2'
    if not good or count != 1:
        report.add(path, 1, 'spdx', f'one line "{SPDX_TEXT}", as a comment, in {where}')


def check_room_names(report, house, rooms):
    for room in sorted(rooms):
        if room in REFUSED_ROOMS:
            report.add(f'src/{room}', 0, 'room', 'a room is named by a noun of the domain')
        elif room not in house.floor:
            report.add(f'src/{room}', 0, 'room', 'not in the table of docs/ARCHITECTURE.md')


def room_of_include(source, name, quoted):
    if not quoted:
        return None
    return name.split('/')[0] if '/' in name else source.room


def check_floors(report, house, source):
    """Includes of our own headers: lower floors only; x_int.h only at home."""
    own = source.room
    floor = house.floor.get(own) if own else house.top.get(source.name, 0)
    guest_of = None
    parts = source.path.split('/')
    if parts[:2] == ['tests', 'unit'] and len(parts) > 3:
        guest_of, floor = parts[2], house.floor.get(parts[2])
    is_test = parts[0] == 'tests'
    for line, name, quoted in source.includes():
        room = room_of_include(source, name, quoted)
        if room not in house.floor:
            continue
        if name.endswith('_int.h') and room not in (own, guest_of):
            report.add(source.path, line, 'internal', f'{name} is for the room {room}/ only')
        if room in (own, guest_of) or (is_test and guest_of is None):
            continue
        if floor is not None and house.floor[room] >= floor:
            report.add(source.path, line, 'floor',
                       f'{name} is on floor {house.floor[room]}, this file on floor {floor}')


def check_headers_included(report, house, source):
    core = house.is_core(source.room)
    allowed = ROOM_HEADERS.get(source.room, ())
    for line, name, quoted in source.includes():
        home = ONLY_IN.get(name)
        if home and source.path.startswith('src/') and not home.match(source.path):
            report.add(source.path, line, 'header', f'{name} is not included here')
        elif core and not quoted and name not in CORE_HEADERS \
                and not any(name == a or (a[-1] == '/' and name.startswith(a)) for a in allowed):
            report.add(source.path, line, 'header', f'{name} is not for the core, {source.room}/')


def check_umbrella(report, source):
    if source.name.endswith('.h') and '#include' in source.text:
        declares = re.search(r'\w', source.body)
        defines = re.search(r'(?m)^[ \t]*#[ \t]*define[ \t]+\w+[ \t(]', source.code)
        if not declares and not defines:
            report.add(source.path, 1, 'umbrella', 'a header that only includes others')


def check_functions(report, source):
    for name, first, last, _, _ in source.functions():
        if last - first + 1 > FUNCTION_LINES_MAX:
            report.add(source.path, first, 'function-lines',
                       f'{name}: {last - first + 1} lines, {FUNCTION_LINES_MAX} allowed')


SWITCH_WORD = re.compile(r'\bswitch\s*\(|\bcase\b\s*([^:]*):|\bdefault\s*:|[{}]')


def check_default(report, source):
    """`default:` hides a missing enumerator. A switch with a number or a character among its cases
    is not over an enum; otherwise the line must say so."""
    if 'default' not in source.code:
        return
    lines = source.text.split('\n')
    stack, pending = [], False
    for match in SWITCH_WORD.finditer(source.body):
        word = match.group()
        if word.startswith('switch'):
            pending = True
        elif word == '{':
            stack.append({'numbers': False, 'defaults': []} if pending else None)
            pending = False
        elif word == '}':
            done = stack.pop() if stack else None
            if done and not done['numbers']:
                for line in done['defaults']:
                    report.add(source.path, line, 'default',
                               'names every enumerator instead, or says /* not an enum */')
        else:
            here = next((s for s in reversed(stack) if s), None)
            if here is None:
                continue
            if word.startswith('case'):
                here['numbers'] |= bool(re.match(r"[-\d']", match.group(1).strip()))
            elif '/* not an enum */' not in lines[source.line_at(match.start()) - 1]:
                here['defaults'].append(source.line_at(match.start()))


STATEMENT = re.compile(
    r'^(?:(?:if|for|while|switch)\s*\(.*[{;)]|return\b[^.]*;|\}?\s*else\b.*\{?|[{}]|\};?|case\s.*:'
    r'|[\w>.\[\]*&-]+\s*[-+*/|&^]?=[^=].*;|[\w>.-]+\(.*\);'
    r'|(?:struct|enum|static|const|int|size_t|bool|uint\d+_t)\s[^.]*[;{]'
    r'|#\s*(?:include|define|if|endif).*|(?:break|continue|goto \w+);)$')


def check_dead_code(report, source):
    """A comment all of whose lines are statements is code; with a word of prose it is not."""
    text = source.text
    for match in re.finditer(r'(?m)^[ \t]*#[ \t]*if[ \t]+0\b', source.code):
        report.add(source.path, source.line_at(match.start()), 'dead-code', '#if 0')
    for position, comment in source.comments:
        inner = comment[2:-2] if comment.startswith('/*') else comment[2:]
        lines = [re.sub(r'^\s*\*?\s*|\s+$', '', line) for line in inner.split('\n')]
        lines = [line for line in lines if line]
        statements = sum(bool(STATEMENT.match(line)) for line in lines)
        if lines and statements == len(lines) and any(re.search(r'[;{]$', x) for x in lines):
            report.add(source.path, text.count('\n', 0, position) + 1, 'dead-code',
                       'code in a comment')


ASSERTS = re.compile(r'\b(?:ASSERT\w*|assert\w*|UNREACHABLE|unreachable)\s*\(')


def assert_density(house, sources):
    """One line: asserts per 1,000 lines of each core room."""
    lines, asserts = {}, {}
    for source in sources:
        if house.is_core(source.room) and source.path.endswith('.c'):
            lines[source.room] = lines.get(source.room, 0) + source.text.count('\n')
            asserts[source.room] = asserts.get(source.room, 0) + len(ASSERTS.findall(source.code))
    rooms = [r for r in house.core_rooms() if lines.get(r)]
    return ' '.join(f'{r} {1000 * asserts[r] // lines[r]}' for r in rooms)
