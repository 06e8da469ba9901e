// SPDX-License-Identifier: Apache-2.0
// The official Node client of Riak, unmodified, against a live cluster of three nodes. Started by
// tests/conformance/node_suite.py, which names the nodes in DASSIE_NODES.
'use strict';

const assert = require('node:assert/strict');
const { test, before, after } = require('node:test');

// The client is of 2016: what it does with Buffer is deprecated by now.
process.noDeprecation = true;
const Riak = require('basho-riak-client');

const RiakObject = Riak.Commands.KV.RiakObject;
const addresses = process.env.DASSIE_NODES.split(',').map((node) => {
    const [host, pb] = node.split(':');
    return `${host}:${pb}`;
});
const QUORUM = 0xfffffffd;
const ALL = 0xfffffffc;
let client;
let serial = 0;

before(async () => {
    client = await new Promise((resolve, reject) => {
        new Riak.Client(addresses, (err, made) => (err ? reject(err) : resolve(made)));
    });
});

after(async () => {
    await new Promise((resolve) => client.stop(() => resolve()));
});

// The answer to a command of the client; a rejected promise with its error.
function ask(verb, options) {
    return new Promise((resolve, reject) => {
        const done = (err, response) => {
            if (err) {
                reject(err instanceof Error ? err : new Error(String(err)));
            } else {
                resolve(response);
            }
        };
        if (options === undefined) {
            client[verb](done);
        } else {
            client[verb](options, done);
        }
    });
}

// All chunks of a streamed answer.
function stream(verb, options) {
    return new Promise((resolve, reject) => {
        const chunks = [];
        client[verb](options, (err, response) => {
            if (err) {
                reject(err);
                return;
            }
            chunks.push(response);
            if (response.done) {
                resolve(chunks);
            }
        });
    });
}

// A bucket that no other test uses.
function freshBucket() {
    serial += 1;
    return `suite-${process.pid}-${serial}`;
}

function put(bucket, key, value, more) {
    return ask('storeValue', { bucket, key, value, ...more });
}

function get(bucket, key, more) {
    return ask('fetchValue', { bucket, key, ...more });
}

function textOf(response) {
    assert.equal(response.values.length, 1);
    return response.values[0].value.toString('utf8');
}

test('ping', async () => {
    assert.equal(await ask('ping'), true);
});

test('server info has a version of three integers', async () => {
    const info = await ask('fetchServerInfo');
    assert.match(info.server_version, /^\d+\.\d+\.\d+$/);
    assert.ok(info.node.length > 0);
});

test('what is stored is fetched', async () => {
    const bucket = freshBucket();
    await put(bucket, 'k', 'hello');
    const response = await get(bucket, 'k');
    assert.equal(response.isNotFound, false);
    assert.equal(textOf(response), 'hello');
    assert.ok(response.vclock.length > 0);
});

test('a key that is not there is not found', async () => {
    const response = await get(freshBucket(), 'nothing');
    assert.equal(response.isNotFound, true);
    assert.deepEqual(response.values, []);
});

test('an object of JavaScript is stored as JSON and comes back as one', async () => {
    const bucket = freshBucket();
    const value = { name: 'dassie', legs: 4, nested: { list: [1, 2, 3] } };
    const object = new RiakObject().setContentType('application/json').setValue(value);
    await put(bucket, 'k', object);
    const response = await get(bucket, 'k', { convertToJs: true });
    assert.deepEqual(response.values[0].value, value);
});

test('all metadata survives', async () => {
    const bucket = freshBucket();
    const object = new RiakObject();
    object.setContentType('text/x-made-up');
    object.setContentEncoding('identity');
    object.setUserMeta([{ key: 'colour', value: 'brown' }, { key: 'Größe', value: 'klein' }]);
    object.setLinks([
        { bucket: 'other', key: 'there', tag: 'friend' },
        { bucket: 'other', key: 'elsewhere', tag: 'foe' },
    ]);
    object.addToIndex('age_int', 7);
    object.addToIndex('age_int', 8);
    object.addToIndex('name_bin', 'rocky');
    object.setValue('with everything');
    await put(bucket, 'k', object);
    const found = (await get(bucket, 'k')).values[0];
    assert.equal(found.value.toString(), 'with everything');
    assert.equal(found.getContentType(), 'text/x-made-up');
    assert.equal(found.getContentEncoding(), 'identity');
    const meta = Object.fromEntries(found.getUserMeta().map((pair) => [pair.key, pair.value]));
    assert.deepEqual(meta, { colour: 'brown', 'Größe': 'klein' });
    assert.deepEqual(found.getLinks().map((link) => link.tag).sort(), ['foe', 'friend']);
    assert.equal(found.getLinks().length, 2);
    assert.deepEqual(found.getIndex('age_int').map(Number).sort(), [7, 8]);
    assert.deepEqual(found.getIndex('name_bin'), ['rocky']);
    assert.ok(Math.abs(found.getLastModified() / 1000 - Date.now() / 1000) < 60);
    assert.equal(found.getIsTombstone(), false);
});

test('a blind write beside another makes siblings, and a resolver settles them', async () => {
    const bucket = freshBucket();
    const type = { bucketType: 'mult' };
    await put(bucket, 'k', 'one', type);
    await put(bucket, 'k', 'two', type);
    const both = await get(bucket, 'k', type);
    assert.deepEqual(both.values.map((o) => o.value.toString()).sort(), ['one', 'two']);

    const merge = (objects) => {
        const words = objects.map((o) => o.value.toString()).sort();
        const merged = new RiakObject();
        merged.setValue(words.join('+'));
        merged.setVClock(objects[0].getVClock());
        return merged;
    };
    const resolved = await get(bucket, 'k', { ...type, conflictResolver: merge });
    assert.equal(textOf(resolved), 'one+two');
    await put(bucket, 'k', textOf(resolved), { ...type, vclock: both.vclock });
    const one = await get(bucket, 'k', type);
    assert.equal(textOf(one), 'one+two');
});

test('a write with the vclock of what was read replaces it', async () => {
    const bucket = freshBucket();
    const type = { bucketType: 'mult' };
    await put(bucket, 'k', 'first', type);
    const read = await get(bucket, 'k', type);
    const object = read.values[0];
    object.setValue('second');
    await put(bucket, 'k', object, type);
    assert.equal(textOf(await get(bucket, 'k', type)), 'second');
});

test('two writers with the same vclock stay side by side', async () => {
    const bucket = freshBucket();
    const type = { bucketType: 'mult' };
    await put(bucket, 'k', 'base', type);
    const { vclock } = await get(bucket, 'k', type);
    await Promise.all(['a', 'b', 'c'].map((v) => put(bucket, 'k', v, { ...type, vclock })));
    const found = await get(bucket, 'k', type);
    assert.deepEqual(found.values.map((o) => o.value.toString()).sort(), ['a', 'b', 'c']);
});

test('the default type keeps one value', async () => {
    const bucket = freshBucket();
    await put(bucket, 'k', 'one');
    await put(bucket, 'k', 'two');
    assert.equal(textOf(await get(bucket, 'k')), 'two');
});

test('a deleted key is not found, and may be written again', async () => {
    const bucket = freshBucket();
    await put(bucket, 'k', 'here');
    assert.equal(await ask('deleteValue', { bucket, key: 'k' }), true);
    assert.equal((await get(bucket, 'k')).isNotFound, true);
    await put(bucket, 'k', 'again');
    assert.equal(textOf(await get(bucket, 'k')), 'again');
});

test('deleting what is not there succeeds', async () => {
    assert.equal(await ask('deleteValue', { bucket: freshBucket(), key: 'never' }), true);
});

test('the vclock of a tombstone is given on request', async () => {
    const bucket = freshBucket();
    await put(bucket, 'k', 'here');
    const { vclock } = await get(bucket, 'k');
    await ask('deleteValue', { bucket, key: 'k', vclock });
    const found = await get(bucket, 'k', { returnDeletedVClock: true });
    assert.equal(found.isNotFound, false);
    assert.equal(found.values[0].getIsTombstone(), true);
    assert.ok(found.vclock.length > 0);
});

test('a delete beside a write in a type with siblings keeps the write', async () => {
    const bucket = freshBucket();
    const type = { bucketType: 'mult' };
    await put(bucket, 'k', 'old', type);
    const { vclock } = await get(bucket, 'k', type);
    await put(bucket, 'k', 'new', { ...type, vclock });
    await ask('deleteValue', { bucket, key: 'k', vclock, ...type });
    const values = (await get(bucket, 'k', type)).values.filter((o) => !o.getIsTombstone());
    assert.deepEqual(values.map((o) => o.value.toString()), ['new']);
});

test('the server makes a key where none is given', async () => {
    const bucket = freshBucket();
    const made = await ask('storeValue', { bucket, value: 'anonymous' });
    assert.match(made.generatedKey, /^[0-9A-Za-z]{10,27}$/);
    assert.equal(textOf(await get(bucket, made.generatedKey)), 'anonymous');
    const other = await ask('storeValue', { bucket, value: 'anonymous too' });
    assert.notEqual(made.generatedKey, other.generatedKey);
});

test('returnBody and returnHead', async () => {
    const bucket = freshBucket();
    const nothing = await put(bucket, 'k', 'a');
    assert.deepEqual(nothing.values, []);
    const body = await put(bucket, 'k', 'b', { returnBody: true });
    assert.equal(textOf(body), 'b');
    assert.ok(body.vclock.length > 0);
    const head = await put(bucket, 'k', 'c', { returnHead: true });
    assert.equal(head.values.length, 1);
    assert.equal(head.values[0].value.length, 0);
    assert.ok(head.vclock.length > 0);
});

test('headOnly leaves the value out', async () => {
    const bucket = freshBucket();
    await put(bucket, 'k', new RiakObject().setContentType('text/plain').setValue('long value'));
    const found = await get(bucket, 'k', { headOnly: true });
    assert.equal(found.values[0].value.length, 0);
    assert.equal(found.values[0].getContentType(), 'text/plain');
});

test('ifNoneMatch stores once', async () => {
    const bucket = freshBucket();
    await put(bucket, 'k', 'first', { ifNoneMatch: true });
    await assert.rejects(put(bucket, 'k', 'second', { ifNoneMatch: true }), /match_found/);
    assert.equal(textOf(await get(bucket, 'k')), 'first');
});

test('ifNotModified stores on what was read only', async () => {
    const bucket = freshBucket();
    const absent = put(bucket, 'k', 'x', { ifNotModified: true });
    await assert.rejects(absent, /notfound/);
    await put(bucket, 'k', 'first');
    const { vclock } = await get(bucket, 'k');
    await put(bucket, 'k', 'second', { vclock, ifNotModified: true });
    const stale = put(bucket, 'k', 'third', { vclock, ifNotModified: true });
    await assert.rejects(stale, /modified/);
    assert.equal(textOf(await get(bucket, 'k')), 'second');
});

test('keys of any bytes', async () => {
    const bucket = freshBucket();
    const every = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    const keys = [every, Buffer.from([0]), Buffer.from([0, 0]), Buffer.from('/ %2f?#'),
        Buffer.from('日本語')];
    for (const key of keys) {
        await put(bucket, key, `value of ${key.toString('hex')}`);
    }
    for (const key of keys) {
        assert.equal(textOf(await get(bucket, key)), `value of ${key.toString('hex')}`);
    }
});

test('values of any bytes', async () => {
    const bucket = freshBucket();
    const every = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    await put(bucket, 'k', every);
    assert.ok((await get(bucket, 'k')).values[0].value.equals(every));
});

test('a value of sixteen mebibytes', async () => {
    const bucket = freshBucket();
    const value = Buffer.alloc(16 * 1024 * 1024);
    for (let i = 0; i < value.length; i += 4) {
        value.writeUInt32LE((i * 2654435761) >>> 0, i);
    }
    await put(bucket, 'large', value);
    const found = await get(bucket, 'large');
    assert.ok(found.values[0].value.equals(value));
});

test('quorum options by number and by name', async () => {
    const bucket = freshBucket();
    await put(bucket, 'k', 'v', { w: 3, dw: 3, pw: 2 });
    await put(bucket, 'k', 'v', { w: ALL, dw: QUORUM, pw: ALL });
    assert.equal(textOf(await get(bucket, 'k', { r: 1, pr: 1 })), 'v');
    assert.equal(textOf(await get(bucket, 'k', { r: ALL, pr: QUORUM, notFoundOk: true })), 'v');
    assert.equal(textOf(await get(bucket, 'k', { useBasicQuorum: true, timeout: 5000 })), 'v');
    await ask('deleteValue', { bucket, key: 'k', rw: QUORUM, timeout: 5000 });
    assert.equal((await get(bucket, 'k')).isNotFound, true);
});

test('a quorum above n_val is refused', async () => {
    const bucket = freshBucket();
    await assert.rejects(get(bucket, 'k', { r: 4 }), /n_val_violation,3/);
    await assert.rejects(put(bucket, 'k', 'v', { w: 4 }), /n_val_violation,3/);
    assert.equal((await get(bucket, 'k')).isNotFound, true);
});

test('keys are listed whole, streamed and gathered', async () => {
    const bucket = freshBucket();
    const keys = Array.from({ length: 300 }, (_, i) => `key-${i}`);
    for (let at = 0; at < keys.length; at += 50) {
        await Promise.all(keys.slice(at, at + 50).map((key) => put(bucket, key, 'v')));
    }
    const chunks = await stream('listKeys', { bucket, stream: true });
    const streamed = chunks.flatMap((chunk) => chunk.keys);
    assert.deepEqual(streamed.sort(), [...keys].sort());
    const gathered = await ask('listKeys', { bucket, stream: false });
    assert.deepEqual(gathered.keys.sort(), [...keys].sort());
    assert.equal(gathered.done, true);
});

test('a bucket without keys lists none', async () => {
    const gathered = await ask('listKeys', { bucket: freshBucket(), stream: false });
    assert.deepEqual(gathered.keys, []);
});

test('buckets are listed by type', async () => {
    const mine = [freshBucket(), freshBucket(), freshBucket()];
    for (const bucket of mine) {
        await put(bucket, 'k', 'v');
    }
    const typed = freshBucket();
    await put(typed, 'k', 'v', { bucketType: 'mult' });
    const chunks = await stream('listBuckets', { stream: true });
    const names = chunks.flatMap((chunk) => chunk.buckets);
    for (const bucket of mine) {
        assert.equal(names.filter((name) => name === bucket).length, 1, bucket);
    }
    assert.ok(!names.includes(typed));
    const others = await ask('listBuckets', { bucketType: 'mult', stream: false });
    assert.ok(others.buckets.includes(typed));
    assert.ok(!others.buckets.includes(mine[0]));
});

test('bucket properties: get, store, reset', async () => {
    const bucket = freshBucket();
    const before = await ask('fetchBucketProps', { bucket });
    assert.equal(before.nVal, 3);
    assert.equal(before.allowMult, false);
    assert.equal(before.r >>> 0, QUORUM);
    assert.equal(before.pr, 0);
    assert.equal(before.notFoundOk, true);
    assert.ok(await ask('storeBucketProps', { bucket, allowMult: true, r: 1, nVal: 2 }));
    const changed = await ask('fetchBucketProps', { bucket });
    assert.equal(changed.allowMult, true);
    assert.equal(changed.r, 1);
    assert.equal(changed.nVal, 2);
    await put(bucket, 'k', 'one');
    await put(bucket, 'k', 'two');
    assert.equal((await get(bucket, 'k')).values.length, 2);
    assert.ok(await ask('resetBucketProps', { bucket }));
    assert.deepEqual(await ask('fetchBucketProps', { bucket }), before);
});

test('bucket type properties', async () => {
    const props = await ask('fetchBucketTypeProps', { bucketType: 'mult' });
    assert.equal(props.allowMult, true);
    assert.equal(props.nVal, 3);
    assert.ok(await ask('storeBucketTypeProps', { bucketType: 'changing', pr: 1 }));
    assert.equal((await ask('fetchBucketTypeProps', { bucketType: 'changing' })).pr, 1);
    const inBucket = await ask('fetchBucketProps', { bucketType: 'changing', bucket: 'b' });
    assert.equal(inBucket.pr, 1);
});

test('the same key in two bucket types are two keys', async () => {
    const bucket = freshBucket();
    await put(bucket, 'k', 'default');
    await put(bucket, 'k', 'typed', { bucketType: 'mult' });
    assert.equal(textOf(await get(bucket, 'k')), 'default');
    assert.equal(textOf(await get(bucket, 'k', { bucketType: 'mult' })), 'typed');
});

test('an unknown bucket type is refused', async () => {
    const bucket = freshBucket();
    const bucketType = 'nosuchtype';
    await assert.rejects(get(bucket, 'k', { bucketType }), /no_type/);
    await assert.rejects(put(bucket, 'k', 'v', { bucketType }), /no_type/);
    await assert.rejects(ask('fetchBucketProps', { bucket, bucketType }),
        /No bucket-type named 'nosuchtype'/);
    await assert.rejects(ask('fetchBucketTypeProps', { bucketType }), /Invalid bucket type/);
    await assert.rejects(ask('listKeys', { bucket, bucketType, stream: false }),
        /No bucket-type named 'nosuchtype'/);
});

test('an empty bucket is refused', async () => {
    const command = new Riak.Commands.KV.FetchValue({ bucket: 'b', key: 'k' }, () => {});
    command.options.bucket = '';
    const failed = new Promise((resolve) => {
        command.callback = resolve;
        client.execute(command);
    });
    assert.match(String(await failed), /Bucket cannot be zero-length/);
});

test('what is not built yet says so and leaves the connection in order', async () => {
    const counter = ask('updateCounter', {
        bucketType: 'mult', bucket: freshBucket(), key: 'c', increment: 1,
    });
    await assert.rejects(counter, /Unknown message code: 82/);
    assert.equal(await ask('ping'), true);
});

test('many requests at once over a pool of connections', async () => {
    const bucket = freshBucket();
    const numbers = Array.from({ length: 500 }, (_, i) => i);
    await Promise.all(numbers.map((i) => put(bucket, `k${i}`, `v${i}`)));
    const found = await Promise.all(numbers.map((i) => get(bucket, `k${i}`)));
    found.forEach((response, i) => assert.equal(textOf(response), `v${i}`));
});
