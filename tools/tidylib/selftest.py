# SPDX-License-Identifier: Apache-2.0
"""A bad example for each rule, which must be found, and good ones, which must not."""

import os
import subprocess
import tempfile

from . import compiled, rules, symbols, tree

TOP = rules.SPDX_C + '\n'
LONG = ''.join(f'    f({i});\n' for i in range(70))
SWITCH = ('void f(enum e e)\n{\n    switch (e) {\n    case E_A: return;\n'
          '    default: return;%s\n    }\n}\n')
UMBRELLA = '#ifndef K_H\n#define K_H\n#include "kv/put.h"\n#endif\n'

# rule -> (path, text); the rule must be among the findings
BAD = {
    'floor up': ('floor', 'src/ring/a.c', TOP + '#include "kv/put.h"\n'),
    'floor beside': ('floor', 'src/ring/b.c', TOP + '#include "model/key.h"\n'),
    'floor of base': ('floor', 'src/base/c.h', TOP + '#include "model/key.h"\nint x;\n'),
    'floor of host': ('floor', 'src/cli/a.c', TOP + '#include "server/loop.h"\n'),
    'floor of a test': ('floor', 'tests/unit/ring/a.c', TOP + '#include "kv/put.h"\n'),
    'internal': ('internal', 'src/kv/a.c', TOP + '#include "ring/ring_int.h"\n'),
    'internal of a test': ('internal', 'tests/sim/a.c', TOP + '#include "ring/ring_int.h"\n'),
    'room refused': ('room', 'src/util/a.c', TOP),
    'room unknown': ('room', 'src/cellar/a.c', TOP),
    'header clock': ('header', 'src/kv/b.c', TOP + '#include <time.h>\n'),
    'header sys': ('header', 'src/session/b.c', TOP + '#include <sys/socket.h>\n'),
    'header stdio': ('header', 'src/ring/c.c', TOP + '#include <stdio.h>\n'),
    'header alloc': ('header', 'src/kv/c.c', TOP + '#include <stdlib.h>\n'),
    'header engine': ('header', 'src/engine/mem.c', TOP + '#include <rocksdb/c.h>\n'),
    'header json': ('header', 'src/server/a.c', TOP + '#include <jansson.h>\n'),
    'umbrella': ('umbrella', 'src/kv/kv.h', TOP + UMBRELLA),
    'file lines': ('file-lines', 'src/kv/d.c', TOP + 'int x;\n' * 600),
    'test lines': ('file-lines', 'tests/unit/kv/d.c', TOP + 'int x;\n' * 600),
    'function lines': ('function-lines', 'src/kv/e.c', TOP + 'void g(void)\n{\n' + LONG + '}\n'),
    'columns': ('columns', 'src/kv/f.c', TOP + 'int ' + 'x' * 97 + ';\n'),
    'test columns': ('columns', 'tests/sim/f.c', TOP + 'int ' + 'x' * 97 + ';\n'),
    'default': ('default', 'src/kv/g.c', TOP + SWITCH % ''),
    'unfinished': ('unfinished', 'src/kv/h.c', TOP + '/* TO' + 'DO: later */\n'),
    'dead line': ('dead-code', 'src/kv/i.c', TOP + '/* put_free(p); */\n'),
    'dead lines': ('dead-code', 'src/kv/j.c', TOP + '/*\n if (x) {\n y = 2;\n }\n*/\n'),
    'dead slashes': ('dead-code', 'src/kv/k.c', TOP + '// x = 3;\n'),
    'dead if': ('dead-code', 'src/kv/l.c', TOP + '#if 0\nint x;\n#endif\n'),
    'spdx missing': ('spdx', 'src/kv/m.c', 'int x;\n'),
    'spdx in a test': ('spdx', 'tests/unit/kv/m.c', 'int x;\n'),
    'spdx twice': ('spdx', 'src/kv/n.c', TOP + TOP),
    'spdx script': ('spdx', 'tools/thing', '#!/bin/sh\ntrue\n'),
    'trailing': ('blank', 'src/kv/o.c', TOP + 'int x; \n'),
    'tab': ('blank', 'src/kv/p.c', TOP + '\tint x;\n'),
    'no newline': ('blank', 'src/kv/q.c', TOP + 'int x;'),
    'machine': ('machine', 'docs/a.md', 'see /ho' + 'me/someone/notes\n'),
    'foreign': ('foreign', 'docs/b.md', 'written by a chat' + 'bot\n'),
}

GOOD = {
    'src/kv/put.c': TOP + '#include <string.h>\n#include "base/buf.h"\n#include "kv/put_int.h"\n'
                    '/* The caller owns it; see put_free(). */\n'
                    'void f(int c)\n{\n    switch (c) {\n    case \'a\': return;\n'
                    '    default: return;\n    }\n}\n',
    'src/kv/get.c': TOP + SWITCH % ' /* not an enum */',
    'src/kv/t.c': TOP + 'static const int t[] = {\n' + '    1,\n' * 100 + '};\n',
    'src/kv/s.c': TOP + 'static const char s[] = "/* x = 1; */ default: TO" "DO";\n',
    'src/base/mem.c': TOP + '#include <stdlib.h>\n#include <stdio.h>\n',
    'src/engine/rocks_read.c': TOP + '#include <rocksdb/c.h>\n#include <time.h>\n',
    'src/main.c': TOP + '#include "server/server.h"\n#include "cli/cli.h"\n',
    'tests/unit/ring/r.c': TOP + '#include "tap.h"\n#include "ring/ring_int.h"\n'
                           '#include "base/buf.h"\n',
    'tools/x': '#!/bin/sh\n# ' + rules.SPDX_TEXT + '\ntrue\n',
}


def compile_room(folder, room, text):
    place = os.path.join(folder, 'src', room)
    os.makedirs(place)
    source = os.path.join(place, 'a.c')
    with open(source, 'w', encoding='utf-8') as file:
        file.write(text)
    subprocess.run(['gcc', '-std=c17', '-O1', '-fPIC', '-c', '-o', source + '.o', source],
                   check=True)
    subprocess.run(['ar', 'csrT', os.path.join(place, f'lib{room}.a'), source + '.o'], check=True)


def symbol_findings(house, **rooms):
    with tempfile.TemporaryDirectory() as folder:
        for room, text in rooms.items():
            compile_room(folder, room, text)
        report = tree.Report()
        symbols.check(report, house, folder, str)
        return {(f[2], f[3].split()[0] if f[2] == 'global' else f[3].split(' asks for ')[1])
                for f in report.findings}


def check_symbols(house, fail):
    found = symbol_findings(
        house,
        base='#include <stdlib.h>\nvoid *m(void) { return malloc(3); }\n',
        ring='long time(long *);\nint counter = 1;\nint zero;\n'
             'static const char *const names[] = {"a", "b"};\n'
             'const char *n(int i) { static int calls; calls++; return names[(i + calls) & 1]; }\n'
             'long r(void) { return time(0) + zero; }\n',
        kv='void *malloc(unsigned long);\nlong r(void);\nvoid *m(void);\nlong s(void);\n'
           'void *k(void) { return r() + s() + (char *)malloc(1) + *(int *)m(); }\n',
        session='long s(void) { return 3; }\n')
    want = {('symbol', 'time'), ('symbol', 'malloc'), ('symbol', 's of session/'),
            ('global', 'counter'), ('global', 'zero'), ('global', 'calls.0')}
    if found != want:
        fail(f'symbols: found {sorted(found)}, wanted {sorted(want)}')


def check_headers(fail):
    with tempfile.TemporaryDirectory() as folder:
        os.makedirs(f'{folder}/src/kv')
        for name, text in (('good.h', '#include <stddef.h>\nsize_t f(void);\n'),
                           ('bad.h', 'size_t f(void);\n')):
            with open(f'{folder}/src/kv/{name}', 'w', encoding='utf-8') as file:
                file.write(text)
        for _ in range(2):
            report = tree.Report()
            compiled.check_headers(report, folder, ['src/kv/good.h', 'src/kv/bad.h'], str)
            if [f[0] for f in report.findings] != ['src/kv/bad.h']:
                fail(f'headers: {report.findings}')


def run(house, check_text):
    failures = []
    for title, (rule, path, text) in BAD.items():
        report = tree.Report()
        check_text(report, house, {path: text})
        if {f[2] for f in report.findings} != {rule}:
            failures.append(f'{title}: wanted {rule}, found {report.findings}')
    for path, text in GOOD.items():
        report = tree.Report()
        check_text(report, house, {path: text})
        if report.findings:
            failures.append(f'{path}: found {report.findings}')
    check_symbols(house, failures.append)
    check_headers(failures.append)
    for line in failures:
        print('self-test: ' + line)
    total = len(BAD) + len(GOOD) + 2
    print(f'self-test: {total - len(failures)} of {total} examples judged right')
    return 1 if failures else 0
