/* SPDX-License-Identifier: Apache-2.0 */
/* A whole Protocol Buffers connection: the input is a script of events, each a byte that says
 * which, and what it carries. Whatever a client sends and the database answers, what is said is
 * frames, and after the close nothing is said. */
#include "base/blob.h"
#include "base/check.h"
#include "base/reader.h"
#include "session/pb.h"
#include "wire/pb_frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CONN = 3 };

struct play {
    struct pb_session *pb;
    struct outbox out;
    struct reader script;
    uint64_t seq;
    bool asked;
    bool closed;
};

static void check_bytes(struct bytes bytes)
{
    struct pb_stream stream;
    struct pb_frame frame;

    pb_stream_init(&stream, bytes.len);
    enum err err = pb_stream_feed(&stream, bytes);
    ASSERT(err == ERR_OK);
    while (pb_stream_next(&stream, &frame) == PB_CUT_FRAME)
        continue;
    ASSERT(pb_stream_unread(&stream) == 0);
    pb_stream_done(&stream);
}

static void check_outputs(struct play *play)
{
    ASSERT(!play->closed || play->out.count == 0);
    for (size_t i = 0; i < play->out.count; i++) {
        const struct output *output = &play->out.items[i];
        if (output->kind == OUT_BYTES) {
            check_bytes(blob_bytes(output->u.bytes.blob));
        } else if (output->kind == OUT_REQUEST) {
            ASSERT(!play->asked);
            ASSERT(key_fits(&output->u.request.request.key));
            play->asked = true;
            play->seq = output->u.request.seq;
        } else if (output->kind == OUT_GONE) {
            ASSERT(play->asked);
            play->asked = false;
        } else if (output->kind == OUT_CLOSE) {
            play->closed = true;
        }
    }
    ASSERT(pb_session_waiting(play->pb) == (play->asked ? 1 : 0));
}

/* One sibling with the next bytes of the script as its value. */
static void reply_object(struct play *play, struct reply *reply, struct object *object,
                         struct sibling *sibling)
{
    static const struct dot dot = {1, 1};
    uint8_t flags = reader_u8(&play->script);

    reply->kind = REPLY_OBJECT;
    if (flags % 2 == 0)
        return;
    *sibling = (struct sibling){.dot = dot, .hlc_us = flags, .deleted = (flags & 2) != 0};
    if (!sibling->deleted)
        sibling->content.value = reader_take(&play->script, flags >> 4);
    object->clock = (struct clock){.entries = &dot, .count = 1};
    object->siblings = sibling;
    object->count = 1;
    reply->object = object;
}

static void play_reply(struct play *play, const struct session_env *env, uint8_t what)
{
    struct sibling sibling = {.hlc_us = 0};
    struct object object = {.count = 0};
    const struct bytes names[] = {BYTES_LIT("a"), BYTES_LIT("")};
    struct reply reply = {.kind = REPLY_DONE};

    if (what % 4 == 0) {
        reply.kind = REPLY_ERROR;
        reply.err = 1 + reader_u8(&play->script) % ERR_VERSION;
    } else if (what % 4 == 1) {
        reply_object(play, &reply, &object, &sibling);
    } else if (what % 4 == 2) {
        reply = (struct reply){.kind = REPLY_NAMES, .names = names, .names_count = what >> 7};
        reply.done = (what & 64) != 0;
    }
    bool last = reply.kind != REPLY_NAMES || reply.done;
    struct event ev = {.kind = EV_REPLY, .conn = CONN, .u.reply = {play->seq, &reply}};
    if (last)
        play->asked = false;
    pb_session_step(play->pb, env, &ev, &play->out);
}

/* A listing is answered with names or an error, everything else with neither. */
static bool fits(struct play *play, uint8_t what, enum request_kind kind)
{
    bool listing = kind == REQUEST_LIST_KEYS || kind == REQUEST_LIST_BUCKETS;

    return play->asked && (what % 4 == 0 || (what % 4 == 2) == listing);
}

static enum request_kind asked_kind(const struct play *play, enum request_kind before)
{
    for (size_t i = 0; i < play->out.count; i++) {
        if (play->out.items[i].kind == OUT_REQUEST)
            before = play->out.items[i].u.request.request.kind;
    }
    return before;
}

static void run(struct play *play, const struct session_env *env)
{
    enum request_kind kind = REQUEST_GET;

    while (play->script.ok && play->script.rest.len > 0) {
        uint8_t what = reader_u8(&play->script);
        struct event ev = {.conn = CONN};
        outbox_reset(&play->out);
        if (what % 8 < 4) {
            ev.kind = EV_BYTES;
            ev.u.bytes = reader_take(&play->script, what >> 3);
            if (play->script.ok)
                pb_session_step(play->pb, env, &ev, &play->out);
        } else if (what % 8 < 7) {
            uint8_t how = reader_u8(&play->script);
            if (fits(play, how, kind))
                play_reply(play, env, how);
        } else {
            ev.kind = what == 255   ? EV_STOP
                      : what == 247 ? EV_CLOSED
                      : what == 239 ? EV_DEADLINE
                                    : EV_WRITABLE;
            ev.u.room = 1024 * 1024;
            pb_session_step(play->pb, env, &ev, &play->out);
            if (ev.kind == EV_CLOSED)
                play->closed = true;
        }
        if (ev.kind != EV_CLOSED)
            check_outputs(play);
        else
            break;
        kind = asked_kind(play, kind);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct bucket_type types[] = {
        {.name = TYPE_DEFAULT, .active = true, .props = props_default(false)},
        {.name = BYTES_LIT("t"), .active = true, .props = props_default(true)},
    };
    const struct document document = {.types = types, .types_count = 2};
    /* Lists of nobody, of eight partitions. */
    static const uint16_t place[8] = {RING_NOBODY, RING_NOBODY, RING_NOBODY, RING_NOBODY,
                                      RING_NOBODY, RING_NOBODY, RING_NOBODY, RING_NOBODY};
    const struct view view = {
        .document = &document,
        .ring = {.slots = 64, .partitions = 8, .n_max = 1, .place = place},
        .self_index = RING_NOBODY,
    };
    struct config config;
    struct play play = {.script = reader_of(bytes_of(data, size))};

    config_init(&config);
    const struct session_env env = {.view = &view, .config = &config, .ready = true};
    outbox_init(&play.out);
    play.pb = pb_session_new(CONN);
    run(&play, &env);
    pb_session_free(play.pb);
    outbox_done(&play.out);
    return 0;
}
