/* SPDX-License-Identifier: Apache-2.0 */
/* A whole HTTP connection: the input is a script of events, each a byte that says which, and what
 * it carries. Whatever a client sends and the database answers, one request at most is in flight,
 * every request gets what it is owed, and after the close nothing is said. */
#include "base/blob.h"
#include "base/check.h"
#include "base/reader.h"
#include "model/document.h"
#include "msg/stats.h"
#include "session/http.h"
#include "session/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CONN = 3 };

struct play {
    struct http_session *http;
    struct outbox out;
    struct reader script;
    struct arena arena; /* of one step */
    uint64_t mono_us;
    uint64_t seq;
    enum request_kind kind; /* of what is in flight */
    bool asked;
    bool closed;
};

static void check_outputs(struct play *play)
{
    for (size_t i = 0; i < play->out.count; i++) {
        const struct output *output = &play->out.items[i];
        ASSERT(!play->closed);
        if (output->kind == OUT_BYTES) {
            ASSERT(blob_bytes(output->u.bytes.blob).len > 0);
        } else if (output->kind == OUT_REQUEST) {
            ASSERT(!play->asked);
            ASSERT(output->u.request.request.kind == REQUEST_ADMIN ||
                   output->u.request.request.kind == REQUEST_SWEEP ||
                   key_fits(&output->u.request.request.key));
            play->asked = true;
            play->seq = output->u.request.seq;
            play->kind = output->u.request.request.kind;
        } else if (output->kind == OUT_MORE) {
            ASSERT(play->asked);
        } else if (output->kind == OUT_GONE) {
            ASSERT(play->asked);
            play->asked = false;
        } else if (output->kind == OUT_CLOSE) {
            play->closed = true;
        }
    }
    ASSERT(http_session_waiting(play->http) == (play->asked ? 1 : 0));
    outbox_reset(&play->out);
}

static void step(struct play *play, const struct session_env *env, struct event *ev)
{
    ev->conn = CONN;
    ev->mono_us = play->mono_us;
    ev->wall_us = play->mono_us + UINT64_C(784111777000000);
    http_session_step(play->http, env, ev, &play->out);
    check_outputs(play);
}

/* Siblings with bytes of the script in them. */
static const struct object *some_object(struct play *play)
{
    uint32_t count = reader_u8(&play->script) % 4;
    struct object *object = ARENA_NEW(&play->arena, struct object);
    struct sibling *siblings = arena_alloc_array(&play->arena, count, sizeof(*siblings));
    struct dot *dots = arena_alloc_array(&play->arena, count, sizeof(*dots));
    struct pair *meta = ARENA_NEW(&play->arena, struct pair);

    meta->name = reader_take(&play->script, reader_u8(&play->script) % 32);
    meta->value = reader_take(&play->script, reader_u8(&play->script) % 32);
    for (uint32_t i = 0; i < count; i++) {
        uint8_t flags = reader_u8(&play->script);
        dots[i] = (struct dot){i + 1, 1};
        siblings[i] = (struct sibling){.dot = dots[i], .hlc_us = flags, .deleted = flags % 4 == 0};
        if (siblings[i].deleted)
            continue;
        struct content *content = &siblings[i].content;
        content->value = reader_take(&play->script, flags % 64);
        content->content_type = reader_take(&play->script, flags / 64);
        content->meta = meta;
        content->meta_count = 1;
        content->indexes = meta;
        content->indexes_count = flags % 2;
    }
    object->clock.entries = dots;
    object->clock.count = count;
    object->siblings = siblings;
    object->count = count;
    return object;
}

static void play_reply(struct play *play, const struct session_env *env)
{
    uint8_t what = reader_u8(&play->script);
    bool listing = play->kind == REQUEST_LIST_KEYS || play->kind == REQUEST_LIST_BUCKETS;
    const struct bytes names[] = {BYTES_LIT("a"), BYTES_LIT("\xff\"")};
    struct reply reply = {.kind = REPLY_DONE};

    if (!play->asked)
        return;
    if (what % 4 == 0) {
        reply.kind = REPLY_ERROR;
        reply.err = 1 + reader_u8(&play->script) % ERR_VERSION;
    } else if (listing) {
        reply = (struct reply){.kind = REPLY_NAMES, .names = names, .names_count = what % 3};
        reply.done = what > 127;
    } else if (play->kind == REQUEST_GET || play->kind == REQUEST_PUT) {
        reply.kind = REPLY_OBJECT;
        reply.object = what % 4 == 1 ? NULL : some_object(play);
        reply.made_key = what % 4 == 3 ? BYTES_LIT("made") : BYTES_NONE;
    }
    struct event ev = {.kind = EV_REPLY, .u.reply = {play->seq, &reply}};
    play->asked = listing && reply.kind == REPLY_NAMES && !reply.done;
    step(play, env, &ev);
}

static void run(struct play *play, const struct session_env *env)
{
    while (play->script.ok && play->script.rest.len > 0) {
        uint8_t what = reader_u8(&play->script);
        struct event ev = {.kind = EV_WRITABLE, .u.room = SESSION_OUTPUT_MAX};
        arena_reset(&play->arena);
        play->mono_us += what;
        if (what % 8 < 4) {
            ev.kind = EV_BYTES;
            ev.u.bytes = reader_take(&play->script, reader_u8(&play->script));
            step(play, env, &ev);
        } else if (what % 8 < 7) {
            play_reply(play, env);
        } else if (what == 247) {
            ev.kind = EV_CLOSED;
            step(play, env, &ev);
            play->closed = true;
        } else if (what == 255 || what == 239) {
            play->mono_us = http_session_deadline_us(play->http);
            ev.kind = what == 255 ? EV_STOP : EV_DEADLINE;
            step(play, env, &ev);
        } else {
            step(play, env, &ev);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct stats stats;
    const struct bucket_type types[] = {
        {.name = TYPE_DEFAULT, .active = true, .props = props_default(false)},
        {.name = BYTES_LIT("t"), .active = true, .props = props_default(true)},
    };
    const struct document document = {.types = types, .types_count = 2};
    const struct view view = {.document = &document, .self_index = RING_NOBODY};
    struct config config;
    struct play play = {.script = reader_of(bytes_of(data, size)), .mono_us = 1};

    config_init(&config);
    const struct session_env env = {
        .view = &view, .stats = &stats, .config = &config, .ready = true};
    outbox_init(&play.out);
    arena_init(&play.arena);
    play.http = http_session_new(CONN, true);
    run(&play, &env);
    http_session_free(play.http);
    outbox_done(&play.out);
    arena_done(&play.arena);
    return 0;
}
