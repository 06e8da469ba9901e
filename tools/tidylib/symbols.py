# SPDX-License-Identifier: Apache-2.0
"""What the core's static libraries ask for, and what they keep: nm and objdump over build/src."""

import glob
import json
import os
import re
import subprocess

EVERY_ROOM = {'memcpy', 'memmove', 'memset', 'memcmp', 'memchr', 'strlen', '_GLOBAL_OFFSET_TABLE_',
              '__stack_chk_fail', '__divti3', '__udivti3', '__umodti3', '__popcountdi2'}
# base/ may allocate, format and abort; fprintf and stderr are the dying words of an assert.
BASE = {'malloc', 'calloc', 'realloc', 'free', 'abort', 'vsnprintf', 'fprintf', 'stderr',
        '__cpu_model', '__cpu_indicator_init'}
ROOM_PREFIXES = {
    'wire': ('http_parser_', 'http_should_keep_alive', 'http_method_str', 'http_errno_',
             'http_body_is_final', 'protobuf_c_', 'yajl_', 'deflate'),
    'index': ('utf8proc_', 'sb_stemmer_'),
    'query': ('pcre2_', 'roaring_'),
}
GENERATED = re.compile(r'\.pb-c\.c\.o$')
FORTIFIED = re.compile(r'^__(\w+)_chk$')
WRITABLE = re.compile(r'^(\.data(\.(?!rel\.ro).*)?|\.bss.*|\.tdata.*|\.tbss.*|\*COM\*)$')
INSTRUMENTED = {'b_sanitize': 'none', 'b_coverage': False, 'fuzz': False}


def run(*argv):
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


def undefined(library):
    """(object, symbol) pairs."""
    for line in run('nm', '-A', '--undefined-only', library).splitlines():
        left, symbol = line.rsplit(None, 1)
        yield left.split(None, 1)[0].rstrip(':').split(':')[-1], symbol


def defined(library):
    out = run('nm', '--defined-only', '--extern-only', library)
    return {line.split()[2] for line in out.splitlines() if len(line.split()) == 3}


def writable(library):
    """Names of objects that live in a section the program can write to."""
    for line in run('objdump', '-t', library).splitlines():
        fields = line.split('\t')
        if len(fields) != 2:
            continue
        left = fields[0].split()
        is_object = 'O' in left[1:-1] or left[-1] in ('.bss', '.tbss', '*COM*')
        name = fields[1].split()[-1]
        if is_object and WRITABLE.match(left[-1]) and name != left[-1]:
            yield name, left[-1]


def allowed(room, member, symbol):
    plain = FORTIFIED.sub(r'\1', symbol)
    if plain in EVERY_ROOM or (room == 'base' and plain in BASE):
        return True
    if GENERATED.search(member) and symbol == '__assert_fail':
        return True
    return symbol.startswith(ROOM_PREFIXES.get(room, ('\0',)))


def instrumented(build):
    """The option that makes this build useless for the check, or None."""
    try:
        with open(os.path.join(build, 'meson-info', 'intro-buildoptions.json'),
                  encoding='utf-8') as file:
            options = {o['name']: o['value'] for o in json.load(file)}
    except OSError:
        return None
    return next((n for n, plain in INSTRUMENTED.items() if options.get(n, plain) != plain), None)


def check(report, house, build, say):
    option = instrumented(build)
    if option:
        say(f'symbols: not checked, {option} is on in {build}')
        return
    rooms = house.core_rooms()
    libraries = {r: sorted(glob.glob(os.path.join(build, 'src', r, '*.a'))) for r in rooms}
    exports = {r: set().union(*map(defined, libraries[r])) for r in rooms}
    for room in rooms:
        below = set().union(*(exports[r] for r in rooms
                              if r == room or house.floor[r] < house.floor[room]))
        for library in libraries[room]:
            for member, symbol in undefined(library):
                if symbol in below or allowed(room, member, symbol):
                    continue
                owner = next((r for r in rooms if symbol in exports[r]), None)
                report.add(f'src/{room}', 0, 'symbol',
                           f'{member} asks for {symbol}' + (f' of {owner}/' if owner else ''))
            for name, section in writable(library):
                report.add(f'src/{room}', 0, 'global', f'{name} can be written ({section})')
    say(f'symbols: {sum(map(len, libraries.values()))} libraries')


def check_built(report, build, paths):
    """A source that no target compiles is checked by nothing."""
    with open(os.path.join(build, 'compile_commands.json'), encoding='utf-8') as file:
        known = {os.path.realpath(os.path.join(c['directory'], c['file'])) for c in json.load(file)}
    for path in paths:
        if os.path.realpath(path) not in known:
            report.add(path, 0, 'unbuilt', 'no target of the build compiles it')
