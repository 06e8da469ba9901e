/* SPDX-License-Identifier: Apache-2.0 */
/* How answers look: what of an object is shown, how a listing goes out, which message ends what. */
#include "base/check.h"
#include "model/context.h"
#include "session/pb_int.h"
#include "wire/pb_encode.h"
#include "wire/reply_error.h"

void pb_say_empty(struct pb_session *pb, enum pb_code code, struct outbox *out)
{
    size_t len = pb_empty_put(NULL, code);

    pb_empty_put(session_output_extend(&pb->output, len, out), code);
}

void pb_say_text(struct pb_session *pb, struct bytes text, struct outbox *out)
{
    size_t len = pb_error_put(NULL, text);

    ASSERT(text.len > 0);
    pb_error_put(session_output_extend(&pb->output, len, out), text);
}

void pb_say_error(struct pb_session *pb, const struct reply *reply, struct outbox *out)
{
    buf_reset(&pb->scratch);
    reply_error_pb(&pb->scratch, reply);
    pb_say_text(pb, buf_bytes(&pb->scratch), out);
}

void pb_say_err(struct pb_session *pb, enum err err, struct outbox *out)
{
    const struct reply reply = {.kind = REPLY_ERROR, .err = err};

    ASSERT(err != ERR_OK);
    pb_say_error(pb, &reply, out);
}

void pb_say_names_done(struct pb_session *pb, enum pb_code code, struct outbox *out)
{
    size_t len = pb_names_done_put(NULL, code);

    pb_names_done_put(session_output_extend(&pb->output, len, out), code);
}

static void say_object(struct pb_session *pb, const struct pb_object_resp *resp, struct outbox *out)
{
    size_t len = pb_object_put(NULL, resp);

    if (len > SESSION_ANSWER_MAX) {
        const struct reply reply = {.kind = REPLY_ERROR, .err = ERR_TOO_LARGE, .size = len};
        pb_say_error(pb, &reply, out);
        return;
    }
    pb_object_put(session_output_extend(&pb->output, len, out), resp);
}

/* The siblings as they are shown, with their tags. */
static void show(struct arena *arena, const struct object *object, bool blank,
                 struct pb_object_resp *resp)
{
    struct pb_shown *shown = arena_alloc_array(arena, object->count, sizeof(*shown));
    char(*tags)[VTAG_BYTES_MAX] = arena_alloc_array(arena, object->count, sizeof(*tags));

    ASSERT(object->count > 0);
    for (uint32_t i = 0; i < object->count; i++) {
        const struct sibling *sibling = &object->siblings[i];
        shown[i] = (struct pb_shown){
            .sibling = sibling,
            .blank = blank,
            .vtag = object_vtag(sibling->dot, tags[i]),
        };
    }
    resp->shown = shown;
    resp->shown_count = object->count;
}

static struct bytes context_of(struct pb_session *pb, const struct object *object)
{
    buf_reset(&pb->scratch);
    context_put(&pb->scratch, object->clock);
    ASSERT(!pb->scratch.overflow);
    return buf_bytes(&pb->scratch);
}

/* An object of which only tombstones are left is "not found", a message without fields, unless the
 * client asks for the context of the tombstone. */
static void answer_get(struct pb_session *pb, const struct reply *reply, struct outbox *out)
{
    const struct object *object = reply->object;
    struct pb_object_resp resp = {.code = PB_GET_RESP};
    bool there = object != NULL && !object_deleted(object);

    if (reply->err == ERR_UNCHANGED) {
        resp.unchanged = true;
    } else if (reply->err != ERR_OK && reply->err != ERR_NOT_FOUND) {
        pb_say_error(pb, reply, out);
        return;
    } else if (there || (object != NULL && pb->form.deletedvclock)) {
        resp.vclock = context_of(pb, object);
    }
    if (there)
        show(&out->arena, object, pb->form.head, &resp);
    ASSERT(!there || !resp.unchanged);
    say_object(pb, &resp, out);
}

/* What a client gets back of its put is shown whole, tombstones too. */
static void answer_put(struct pb_session *pb, const struct reply *reply, struct outbox *out)
{
    struct pb_object_resp resp = {.code = PB_PUT_RESP, .key = reply->made_key};

    if (reply->err != ERR_OK) {
        pb_say_error(pb, reply, out);
        return;
    }
    if (reply->object != NULL && reply->object->count > 0) {
        resp.vclock = context_of(pb, reply->object);
        show(&out->arena, reply->object, pb->form.head, &resp);
    }
    say_object(pb, &resp, out);
}

/* A delete of what is not there has succeeded. */
static void answer_del(struct pb_session *pb, const struct reply *reply, struct outbox *out)
{
    if (reply->err != ERR_OK && reply->err != ERR_NOT_FOUND)
        pb_say_error(pb, reply, out);
    else
        pb_say_empty(pb, PB_DEL_RESP, out);
}

static void answer_done(struct pb_session *pb, const struct reply *reply, enum pb_code code,
                        struct outbox *out)
{
    if (reply->err != ERR_OK)
        pb_say_error(pb, reply, out);
    else
        pb_say_empty(pb, code, out);
}

/* Chunks go out as they come, empty ones not at all; the end is a message of its own. */
static void stream_names(struct pb_session *pb, const struct reply *reply, enum pb_code code,
                         struct outbox *out)
{
    if (reply->names_count > 0) {
        size_t len = pb_names_put(NULL, code, reply->names, reply->names_count);
        pb_names_put(session_output_extend(&pb->output, len, out), code, reply->names,
                     reply->names_count);
    }
    if (!reply->done)
        return;
    pb_say_names_done(pb, code, out);
    pb_enter(pb, PB_IDLE);
}

/* One message with all names and without `done`. */
static void gather_names(struct pb_session *pb, const struct reply *reply, enum pb_code code,
                         struct outbox *out)
{
    for (uint32_t i = 0; i < reply->names_count; i++)
        pb_name_add(&pb->names, reply->names[i]);
    if (pb->names.overflow) {
        if (!reply->done)
            pb_let_go(pb, out);
        pb_say_text(pb, BYTES_LIT("Too many names for one answer; ask for a stream"), out);
        pb_enter(pb, PB_IDLE);
        return;
    }
    if (!reply->done)
        return;
    size_t len = pb_gathered_put(NULL, code, buf_bytes(&pb->names));
    pb_gathered_put(session_output_extend(&pb->output, len, out), code, buf_bytes(&pb->names));
    pb_enter(pb, PB_IDLE);
}

static void answer_names(struct pb_session *pb, const struct reply *reply, struct outbox *out)
{
    enum pb_code code =
        pb->form.code == PB_LIST_KEYS_REQ ? PB_LIST_KEYS_RESP : PB_LIST_BUCKETS_RESP;

    ASSERT(pb->state == PB_LISTING);
    if (reply->err != ERR_OK) {
        pb_say_error(pb, reply, out); /* no `done` after an error */
        pb_enter(pb, PB_IDLE);
    } else if (pb->form.stream) {
        stream_names(pb, reply, code, out);
    } else {
        gather_names(pb, reply, code, out);
    }
}

void pb_answer(struct pb_session *pb, const struct reply *reply, struct outbox *out)
{
    ASSERT((reply->kind == REPLY_ERROR) == (reply->err != ERR_OK) || reply->err == ERR_NOT_FOUND);
    if (pb->state == PB_LISTING) {
        answer_names(pb, reply, out);
        return;
    }
    ASSERT(pb->state == PB_ASKED);
    if (pb->form.code == PB_GET_REQ)
        answer_get(pb, reply, out);
    else if (pb->form.code == PB_PUT_REQ)
        answer_put(pb, reply, out);
    else if (pb->form.code == PB_DEL_REQ)
        answer_del(pb, reply, out);
    else if (pb->form.code == PB_RESET_BUCKET_REQ)
        answer_done(pb, reply, PB_RESET_BUCKET_RESP, out);
    else
        answer_done(pb, reply, PB_SET_BUCKET_RESP, out);
    pb_enter(pb, PB_IDLE);
}
