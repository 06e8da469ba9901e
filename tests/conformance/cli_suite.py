#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The command line as people and scripts use it: help, data, exit statuses, cluster commands, and
what a node says when it cannot start."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid

from cluster import BINARY, Cluster, Node, dassie, free_ports
from tap import Skip, check, equal, note, run

TYPES = {'mult': {'allow_mult': True}}
OK, FAILED, USAGE, NOT_FOUND, UNHEALTHY, UNKNOWN, REFUSED, SIBLINGS, NO_NODE = range(9)
START_SECONDS = 20


def at(cluster, node=0):
    return ['--at', f'127.0.0.1:{cluster.nodes[node].pb}']


def fresh():
    return 'cli-' + uuid.uuid4().hex[:12]


def words_of(done):
    return done.stderr.decode()


def overview():
    return re.findall(r'(?m)^  ([a-z-]+(?: [a-z-]+)?)  +\S', dassie('--help').stdout.decode())


def test_overview_and_help_of_every_command(_):
    commands = overview()
    check(len(commands) >= 15, commands)
    for command in commands:
        text = dassie('help', *command.split()).stdout.decode()
        check(text.startswith(f'usage: dassie {command}'), text)
        equal(dassie(*command.split(), '--help').stdout.decode(), text)


def test_version(_):
    check(re.fullmatch(rb'dassie \d+\.\d+\.\d+\n', dassie('--version').stdout), 'version')
    equal(dassie('version').stdout, dassie('--version').stdout)


def test_wrong_command_lines_say_what_was_meant(_):
    for arguments, wanted in (
            (['gte', 'b', 'k'], "Did you mean 'dassie get'?"),
            (['cluster', 'jion', 'x'], "Did you mean 'dassie cluster join'?"),
            (['bench', '--conections', '3'], "Did you mean '--connections'?"),
            (['put', 'b'], "'put' needs: BUCKET KEY [VALUE]"),
            (['get', 'b', 'k', 'x'], "'x' is too much for 'get'"),
            (['get', 'b', 'k', '--r'], '--r needs a value: QUORUM'),
            (['get', 'b', 'k', '--r', 'most'], "--r is a number, 'one', 'quorum' or 'all'"),
            (['get', 'b', 'k', '-o', 'yaml'], "'table' or 'json', not 'yaml'"),
            (['bench', '--mix', '0:0'], '--mix is GET:PUT'),
            (['get', 'b', 'k', '--at', 'here'], "'here' is not HOST:PORT"),
            (['get', 'b', 'xyz', '--hex'], 'is not hexadecimal'),
            ([], 'usage: dassie COMMAND')):
        done = dassie(*arguments, status=USAGE)
        check(wanted in words_of(done), arguments, words_of(done))
        equal(done.stdout, b'')


def test_put_get_delete(cluster):
    bucket = fresh()
    equal(dassie('put', bucket, 'k', 'hello', *at(cluster)).stdout, b'')
    equal(dassie('get', bucket, 'k', *at(cluster, 1)).stdout, b'hello')
    dassie('delete', bucket, 'k', *at(cluster, 2))
    done = dassie('get', bucket, 'k', *at(cluster), status=NOT_FOUND)
    equal(done.stdout, b'')
    check('not found' in words_of(done), words_of(done))


def test_values_from_standard_input_and_files(cluster):
    bucket, value = fresh(), bytes(range(256)) * 1000
    dassie('put', bucket, 'piped', *at(cluster), input=value)
    equal(dassie('get', bucket, 'piped', *at(cluster)).stdout, value)
    with tempfile.NamedTemporaryFile() as file:
        file.write(value[:1000])
        file.flush()
        dassie('put', bucket, 'file', '--file', file.name, *at(cluster))
        equal(dassie('get', bucket, 'file', *at(cluster)).stdout, value[:1000])
        done = dassie('put', bucket, 'file', 'x', '--file', file.name, *at(cluster), status=USAGE)
        check('twice' in words_of(done), words_of(done))
    done = dassie('put', bucket, 'file', '--file', '/nonexistent', *at(cluster), status=FAILED)
    check('No such file' in words_of(done), words_of(done))


def test_get_as_json(cluster):
    bucket = fresh()
    dassie('put', bucket, 'k', 'grüezi', '--content-type', 'text/x-swiss', *at(cluster))
    found = json.loads(dassie('get', bucket, 'k', '-o', 'json', *at(cluster)).stdout)
    equal((found['type'], found['bucket'], found['key']), ('default', bucket, 'k'))
    check(found['context'], 'no context')
    sibling, = found['siblings']
    equal((sibling['value'], sibling['content_type'], sibling['size'], sibling['deleted']),
          ('grüezi', 'text/x-swiss', 7, False))
    check(re.fullmatch(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z', sibling['last_modified']),
          sibling['last_modified'])
    dassie('put', bucket, 'k', *at(cluster), input=b'\xff\x00')
    found = json.loads(dassie('get', bucket, 'k', '-o', 'json', *at(cluster)).stdout)
    equal(found['siblings'][0]['value_base64'], '/wA=')
    equal(found['siblings'][0]['content_type'], 'application/octet-stream')


def test_keys_of_any_bytes(cluster):
    bucket, key = fresh(), bytes(range(256))
    dassie('put', '--hex', bucket.encode().hex(), key.hex(), 'v', *at(cluster))
    equal(dassie('get', '--hex', bucket.encode().hex(), key.hex(), *at(cluster)).stdout, b'v')
    shown = dassie('keys', bucket, *at(cluster)).stdout
    check(shown.startswith(b'\\x00\\x01'), shown[:40])
    equal(shown.count(b'\n'), 1)
    name, = json.loads(dassie('keys', bucket, '-o', 'json', *at(cluster)).stdout)['keys']
    check('name_base64' in name, name)


def test_siblings_are_shown_and_settled_with_a_context(cluster):
    bucket, typed = fresh(), ['--type', 'mult']
    for value in ('one', 'two'):
        dassie('put', *typed, bucket, 'k', value, *at(cluster))
    done = dassie('get', *typed, bucket, 'k', *at(cluster), status=SIBLINGS)
    check(b'one\n' in done.stdout and b'two\n' in done.stdout, done.stdout)
    tags = re.findall(rb'(?m)^== (\w+) ', done.stdout)
    equal(len(tags), 2)
    values = {dassie('get', *typed, bucket, 'k', '--sibling', tag.decode(), *at(cluster)).stdout
              for tag in tags}
    equal(values, {b'one', b'two'})
    dassie('get', *typed, bucket, 'k', '--sibling', 'nosuch', *at(cluster), status=NOT_FOUND)
    found = json.loads(dassie('get', *typed, bucket, 'k', '-o', 'json', *at(cluster)).stdout)
    equal(len(found['siblings']), 2)
    with tempfile.TemporaryDirectory() as folder:
        context = ['--context', os.path.join(folder, 'context')]
        dassie('put', *typed, bucket, 'k', 'x', *context, *at(cluster), status=FAILED)
        dassie('get', *typed, bucket, 'k', *context, *at(cluster), status=SIBLINGS)
        dassie('put', *typed, bucket, 'k', 'both', *context, *at(cluster))
        equal(dassie('get', *typed, bucket, 'k', *at(cluster)).stdout, b'both')
        # The put brought the context up to date.
        dassie('put', *typed, bucket, 'k', 'more', *context, *at(cluster))
        equal(dassie('get', *typed, bucket, 'k', *at(cluster)).stdout, b'more')
        dassie('delete', *typed, bucket, 'k', *context, *at(cluster))
        dassie('get', *typed, bucket, 'k', *at(cluster), status=NOT_FOUND)


def test_conditional_puts(cluster):
    bucket = fresh()
    dassie('put', bucket, 'k', 'one', '--if-none-match', *at(cluster))
    done = dassie('put', bucket, 'k', 'two', '--if-none-match', *at(cluster), status=REFUSED)
    check('match_found' in words_of(done), words_of(done))
    with tempfile.TemporaryDirectory() as folder:
        context = ['--context', os.path.join(folder, 'context')]
        dassie('get', bucket, 'k', *context, *at(cluster))
        dassie('put', bucket, 'k', 'two', *at(cluster))
        dassie('put', bucket, 'k', 'three', '--if-not-modified', *context, *at(cluster),
               status=REFUSED)
    equal(dassie('get', bucket, 'k', *at(cluster)).stdout, b'two')


def test_listing(cluster):
    bucket, keys = fresh(), sorted(f'key-{i}' for i in range(25))
    for key in keys:
        dassie('put', bucket, key, 'v', *at(cluster))
    equal(sorted(dassie('keys', bucket, *at(cluster)).stdout.decode().split()), keys)
    equal(sorted(json.loads(dassie('keys', bucket, '-o', 'json', *at(cluster)).stdout)['keys']),
          keys)
    check(bucket in dassie('buckets', *at(cluster)).stdout.decode().split(), 'bucket not listed')
    check(bucket in json.loads(dassie('buckets', '-o', 'json', *at(cluster)).stdout)['buckets'],
          'bucket not listed')
    equal(dassie('keys', fresh(), *at(cluster)).stdout, b'')


def test_statuses_of_refusals(cluster):
    done = dassie('get', '--type', 'nosuch', 'b', 'k', *at(cluster), status=REFUSED)
    check('no_type' in words_of(done), words_of(done))
    dassie('put', 'b', 'k', 'v', '--w', '9', *at(cluster), status=REFUSED)
    port, = free_ports(1)
    done = dassie('get', 'b', 'k', '--at', f'127.0.0.1:{port}', status=NO_NODE)
    check('Connection refused' in words_of(done) and 'DASSIE_PB' in words_of(done), words_of(done))


def test_node_from_the_environment(cluster):
    bucket = fresh()
    environment = {**os.environ, 'DASSIE_PB': f'127.0.0.1:{cluster.nodes[0].pb}',
                   'DASSIE_AT': f'127.0.0.1:{cluster.nodes[0].http}'}
    dassie('put', bucket, 'k', 'v', env=environment)
    equal(dassie('get', bucket, 'k', env=environment).stdout, b'v')
    equal(dassie('ping', env=environment).stdout, b'pong\n')
    dassie('cluster', 'status', env=environment)


def test_bench_verifies_what_it_reads(cluster):
    where = [word for i in range(3) for word in at(cluster, i)]
    done = dassie('bench', *where, '--connections', '8', '--keys', '200', '--duration', '1',
                  '--warmup', '0', '--verify', '--distribution', 'zipf', '-o', 'json')
    result = json.loads(done.stdout)
    equal((result['errors'], result['wrong'], result['not_found']), (0, 0, 0))
    check(result['get']['count'] > 50 and result['put']['count'] > 50, result)
    order = [result['all'][name] for name in ('p50_us', 'p95_us', 'p99_us', 'p999_us', 'max_us')]
    equal(order, sorted(order))
    # A value that bench did not write is not what it expects.
    dassie('put', 'bench', '0' * 16, 'something else', *at(cluster))
    done = dassie('bench', *where, '--keys', '1', '--mix', '1:0', '--duration', '1', '--warmup',
                  '0', '--verify', '--no-fill', status=FAILED)
    check('nobody wrote' in words_of(done), words_of(done))
    check(b'p99.9' in done.stdout, done.stdout)


def test_cluster_status(cluster):
    status = json.loads(cluster.command('cluster', 'status', '-o', 'json').stdout)
    for name in ('cluster_id', 'epoch', 'members', 'transfers', 'staged'):
        check(name in status, name)
    equal([member['name'] for member in sorted(status['members'], key=lambda m: m['name'])],
          ['n1', 'n2', 'n3'])
    for member in status['members']:
        for name in ('name', 'state', 'reachable', 'partitions', 'weight', 'location'):
            check(name in member, name)
        check(member['votes'], member['name'], 'has no vote')
    equal((status['transfers']['waiting'], status['transfers']['active']), (0, 0))
    equal(status['staged'], [])
    check('n2' in cluster.command('cluster', 'status').stdout.decode(), 'no table')


def test_other_views_of_the_cluster(cluster):
    for view in (['members'], ['ring'], ['transfers'], ['status']):
        check(cluster.command(*view).stdout, view, 'printed nothing')
        json.loads(cluster.command(*view, '-o', 'json').stdout)


def test_words_of_riak_admin(cluster):
    listed = cluster.command('bucket-type', 'list').stdout
    check(b'mult (active)' in listed, listed)
    equal(cluster.command('admin', 'bucket-type', 'list').stdout, listed)
    members = cluster.command('members').stdout
    equal(cluster.command('admin', 'member-status').stdout, members)
    with tempfile.TemporaryDirectory() as folder:
        link = os.path.join(folder, 'riak-admin')
        os.symlink(BINARY, link)
        done = subprocess.run([link, 'member-status', '--at',
                               f'127.0.0.1:{cluster.nodes[0].http}'],
                              capture_output=True, check=False)
        equal((done.returncode, done.stdout), (0, members))


def test_bucket_types(cluster):
    name = fresh()
    cluster.command('bucket-type', 'create', name, '{"props":{"n_val":2}}')
    dassie('put', '--type', name, 'b', 'k', 'v', *at(cluster), status=REFUSED)
    cluster.command('bucket-type', 'activate', name)
    dassie('put', '--type', name, 'b', 'k', 'v', *at(cluster, 1))
    cluster.command('bucket-type', 'update', name, '{"props":{"allow_mult":false}}')
    status = cluster.command('bucket-type', 'status', name).stdout.decode()
    check('is active' in status and re.search(r'n_val: *2', status), status)
    for wrong in ('{"props":{"n_val":0}}', 'no json', '{}'):
        done = cluster.command('bucket-type', 'create', fresh(), wrong, status=None)
        check(done.returncode in (FAILED, USAGE, REFUSED), wrong, done.returncode)
        check(done.stderr, 'no words')
    done = cluster.command('bucket-type', 'activate', 'nosuch', status=None)
    equal(done.returncode, NOT_FOUND, done)


def test_addresses_that_are_mistaken_for_each_other(cluster):
    node = cluster.nodes[0]
    done = dassie('members', '--at', f'127.0.0.1:{node.pb}', status=1)
    check(b'not the HTTP address' in done.stderr, done.stderr)
    done = dassie('get', 'b', 'k', '--at', f'127.0.0.1:{node.http}', status=1)
    check(b'does not speak' in done.stderr, done.stderr)


def test_the_log_level_is_changed_and_told(cluster):
    node = cluster.nodes[0]
    for level in ('debug', 'warning', 'info'):
        equal(node.request('/dassie/v1/log-level', 'PUT', level)[0], 204)
        config = json.loads(node.request('/dassie/v1/config')[1])
        equal(config['log.console.level'], level)
        equal(config['nodename'], node.name)
    equal(node.request('/dassie/v1/log-level', 'PUT', 'loud')[0], 400)
    described = re.findall(r'^(\S+) = ', dassie('config', 'describe').stdout.decode(), re.M)
    equal(sorted(config), sorted(described))


def test_the_log_names_nodes_as_the_status_does(cluster):
    node = cluster.nodes[0]
    members = json.loads(dassie('members', '-o', 'json', '--at',
                                f'127.0.0.1:{node.http}').stdout)['members']
    with open(node.log, encoding='utf-8') as file:
        log = file.read()
    for member in members:
        if member['name'] != node.name:
            check(f'linked to node {member["id"]} ({member["name"]})' in log, log)


def test_nothing_staged_is_no_plan(cluster):
    done = cluster.command('cluster', 'plan', status=None)
    check(b'staged' in done.stdout + done.stderr, done)
    done = cluster.command('cluster', 'commit', status=None)
    check(done.returncode != 0 and done.stderr, done)


def failing_start(*arguments, **options):
    """Starts a node that cannot start: (exit status, what it said)."""
    done = subprocess.run([BINARY, 'start', *arguments], capture_output=True, timeout=START_SECONDS,
                          check=False, **options)
    text = (done.stdout + done.stderr).decode()
    check(done.returncode > 0, 'ended with', done.returncode, text)
    return done.returncode, text


def test_a_busy_port(_):
    with tempfile.TemporaryDirectory() as folder, socket.create_server(('127.0.0.1', 0)) as busy:
        node = Node('n', folder)
        for which in ('pb', 'http', 'peer'):
            setattr(node, which, busy.getsockname()[1])
            status, text = failing_start(*node.arguments()[1:])
            check(str(busy.getsockname()[1]) in text, which, text)
            equal(status, 69, text)
            setattr(node, which, free_ports(1)[0])


def test_a_data_directory_in_use(cluster):
    with tempfile.TemporaryDirectory() as folder:
        node = Node('n', folder)
        node.data = cluster.nodes[0].data
        status, text = failing_start(*node.arguments()[1:])
        check(node.data in text, text)
        equal(status, 75, text)


def test_a_data_directory_that_cannot_be_made(_):
    status, text = failing_start('--data', '/proc/nothing/here', '--pb', '127.0.0.1:1')
    check('/proc/nothing' in text, text)
    equal(status, 73, text)


def test_settings_that_cannot_be(_):
    with tempfile.TemporaryDirectory() as folder:
        node = Node('n', folder)
        for setting, wanted in (('ring_size=63', 'ring_size'), ('ringsize=64', 'ringsize'),
                                ('ring_size', 'ring_size'), ('n_val=x', 'n_val')):
            status, text = failing_start(*node.arguments()[1:], '--set', setting)
            check(wanted in text, setting, text)
            check(status in (64, 78), setting, status, text)
        path = os.path.join(folder, 'dassie.conf')
        with open(path, 'w', encoding='utf-8') as file:
            file.write('# a comment\nring_size = 64\nnosuch = 1\n')
        status, text = failing_start(*node.arguments()[1:], '--config', path)
        check('nosuch' in text and '3' in text, text)
        equal(status, 78, text)
        status, text = failing_start(*node.arguments()[1:], '--config', path + '.missing')
        check('.missing' in text, text)
        done = subprocess.run([BINARY, 'start', '--nmae', 'x'], capture_output=True, check=False)
        check(b"Did you mean '--name'?" in done.stderr, done.stderr)


def test_a_peer_address_for_strangers_needs_a_secret(_):
    with tempfile.TemporaryDirectory() as folder:
        node = Node('n', folder)
        arguments = node.arguments()[1:]
        arguments[arguments.index('--peer') + 1] = f'0.0.0.0:{node.peer}'
        status, text = failing_start(*arguments)
        check('secret' in text, text)
        check(status in (77, 78), status, text)


def test_a_newer_data_directory_is_refused(_):
    with tempfile.TemporaryDirectory() as folder:
        node = Node('n', folder)
        node.start()
        node.wait_ready()
        equal(node.stop(), 0)
        path = os.path.join(node.data, 'format')
        with open(path, encoding='ascii') as file:
            text = file.read()
        with open(path, 'w', encoding='ascii') as file:
            file.write(re.sub(r'\d+', '999', text, count=1))
        status, said = failing_start(*node.arguments()[1:])
        check('999' in said, said)
        equal(status, 65, said)


def test_too_few_descriptors(_):
    with tempfile.TemporaryDirectory() as folder:
        node = Node('n', folder)
        argv = ['bash', '-c', 'ulimit -n 64; exec "$@"', 'bash', BINARY, *node.arguments()]
        done = subprocess.run(argv, capture_output=True, timeout=START_SECONDS, check=False)
        equal(done.returncode, 71, done.stderr)
        check(b'descriptors' in done.stderr, done.stderr)


def test_host_names_and_ipv6(_):
    with tempfile.TemporaryDirectory() as folder:
        node = Node('n', folder)
        arguments = node.arguments()
        try:
            socket.getaddrinfo('localhost', node.http)
        except OSError as error:
            raise Skip(f'this system does not know localhost: {error}') from error
        arguments[arguments.index('--pb') + 1] = f'[::1]:{node.pb}'
        arguments[arguments.index('--http') + 1] = f'localhost:{node.http}'
        if not socket.has_ipv6 or not os.path.exists('/proc/net/if_inet6'):
            arguments[arguments.index('--pb') + 1] = f'localhost:{node.pb}'
        node.arguments = lambda: arguments
        node.start()
        try:
            node.wait_ready()
            where = arguments[arguments.index('--pb') + 1]
            dassie('put', 'b', 'k', 'v', '--at', where)
            equal(dassie('get', 'b', 'k', '--at', where).stdout, b'v')
            equal(node.stop(), 0)
        finally:
            node.kill()


def processes_of(folder):
    """Ids of processes with the folder in their command line."""
    found = []
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open(f'/proc/{pid}/cmdline', 'rb') as file:
                if folder.encode() in file.read():
                    found.append(int(pid))
        except OSError:
            pass
    return found


def start_demo(*arguments):
    """(process, what it printed until it was ready, its folder)."""
    began = time.monotonic()
    demo = subprocess.Popen([BINARY, 'demo', *arguments], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, start_new_session=True)
    text = ''
    while '^C stops' not in text:
        line = demo.stdout.readline()
        if not line:
            raise AssertionError(f'the demo ended: {text}{demo.stderr.read()}')
        text += line
    note(f'demo {" ".join(arguments)}: ready after {time.monotonic() - began:.2f} s')
    return demo, text, re.search(r'Data and logs are in (\S+?)(?:\.| and)(?: |$)', text).group(1)


def pasted(text):
    """The commands that the demo prints to be pasted."""
    lines = re.sub(r'\\\n\s*', '', text).splitlines()
    return [line.strip() for line in lines if re.match(r'  (curl|\S*dassie) ', line)]


def test_demo(_):
    demo, text, folder = start_demo()
    try:
        commands = pasted(text)
        equal(len(commands), 4, text)
        outputs = [subprocess.run(command, shell=True, capture_output=True, check=True).stdout
                   for command in commands]
        equal((outputs[1], outputs[3]), (b'lives on rocks', b'leaps from rock to rock'))
        equal(len(processes_of(folder)), 3)
        demo.send_signal(signal.SIGINT)
        equal(demo.wait(20), 0)
    finally:
        demo.kill()
        demo.wait()
    equal(processes_of(folder), [])
    check(not os.path.exists(folder), 'the folder is still there')


def test_demo_keeps_what_it_is_asked_to(_):
    with tempfile.TemporaryDirectory() as parent:
        kept = os.path.join(parent, 'kept')
        demo, text, folder = start_demo('--nodes', '1', '--keep', kept)
        try:
            equal(folder, kept)
            demo.send_signal(signal.SIGTERM)
            equal(demo.wait(20), 0)
        finally:
            demo.kill()
            demo.wait()
        check(os.path.isdir(os.path.join(kept, 'n1')), os.listdir(kept))
        done = dassie('demo', '--keep', kept, status=REFUSED)
        check('not empty' in words_of(done), words_of(done))


def test_nodes_of_a_demo_do_not_outlive_it(_):
    demo, _text, folder = start_demo('--nodes', '2')
    equal(len(processes_of(folder)), 2)
    demo.kill()
    demo.wait()
    end = time.monotonic() + 15
    while processes_of(folder) and time.monotonic() < end:
        time.sleep(0.05)
    equal(processes_of(folder), [])
    subprocess.run(['rm', '-rf', folder], check=False)


def main():
    with Cluster(3, types=TYPES) as cluster:
        status = run(sys.modules[__name__], cluster)
        cluster.stop()
    return status


if __name__ == '__main__':
    sys.exit(main())
