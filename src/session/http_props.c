/* SPDX-License-Identifier: Apache-2.0 */
/* Properties of buckets and bucket types. They are read from the view; a change is checked here,
 * so that its faults can be told in words, and asked of the cluster, which checks it again. */
#include "wire/http_props.h"
#include "base/check.h"
#include "model/document.h"
#include "model/overlay.h"
#include "session/http_int.h"
#include "wire/http_accept.h"

/* The member that Riak would call claimant: the first of all. */
static struct bytes claimant(const struct document *document)
{
    return document->members_count == 0 ? BYTES_NONE : document->members[0].name;
}

/* The overlay of the bucket itself; empty for a type, or a bucket that has none. */
static struct bytes own_overlay(const struct http_turn *turn)
{
    const struct http_path *path = &turn->exchange->path;
    const struct bucket_override *override =
        document_override(turn->env->view->document, path->type, path->bucket);

    return path->resource == RESOURCE_TYPE_PROPS || override == NULL ? BYTES_NONE
                                                                     : override->overlay;
}

void http_props_put(struct http_turn *turn, struct buf *buf)
{
    const struct http_path *path = &turn->exchange->path;
    const struct document *document = turn->env->view->document;
    const struct bucket_type *type = document_type(document, path->type);
    const struct prop *props;

    ASSERT(type != NULL);
    uint32_t count =
        overlay_effective(&turn->exchange->arena, path->type, path->bucket, type->overlay,
                          own_overlay(turn), type->active, claimant(document), &props);
    http_props_write(buf, props, count);
}

static void answer_props(struct http_turn *turn)
{
    if (!http_offer_json(turn))
        return;
    if (!http_type_known(turn)) {
        http_answer_page(&turn->answer, 404);
        return;
    }
    buf_put_str(&turn->answer.text, "{\"props\":");
    http_props_put(turn, &turn->answer.text);
    buf_put_str(&turn->answer.text, "}");
}

/* A refusal that is one word, as a JSON string. */
static void refuse_word(struct http_turn *turn, const char *word)
{
    http_answer_json(&turn->answer, 400);
    buf_reset(&turn->answer.text);
    buf_printf(&turn->answer.text, "\"%s\"", word);
}

/* Whether a change may be asked for at all: of this type, in this way. */
static bool may_change(struct http_turn *turn)
{
    const struct http_path *path = &turn->exchange->path;
    bool of_type = path->resource == RESOURCE_TYPE_PROPS;

    if (of_type && bytes_eq(path->type, TYPE_DEFAULT)) {
        refuse_word(turn, "no_default_update");
        return false;
    }
    if (!http_type_known(turn)) {
        refuse_word(turn, of_type ? "not_active" : "no_type");
        return false;
    }
    return true;
}

/* Whether the overlay keeps the rules; tells the faults when not. */
static bool is_sound(struct http_turn *turn, struct bytes overlay)
{
    const struct http_path *path = &turn->exchange->path;
    struct arena *arena = &turn->exchange->arena;
    bool of_type = path->resource == RESOURCE_TYPE_PROPS;
    const struct bucket_type *type = document_type(turn->env->view->document, path->type);
    const struct prop_fault *faults;
    struct bytes under;

    ASSERT(type != NULL);
    if (overlay_merge(arena, type->overlay, own_overlay(turn), &under) != ERR_OK)
        under = type->overlay;
    uint32_t count =
        overlay_faults(arena, overlay, under, of_type ? TARGET_OLD_TYPE : TARGET_BUCKET,
                       !bytes_eq(path->type, TYPE_DEFAULT), &faults);
    if (count == 0)
        return true;
    http_answer_json(&turn->answer, 400);
    http_faults_write(&turn->answer.text, faults, count);
    return false;
}

static void ask_change(struct http_turn *turn, enum props_verb verb, struct bytes overlay)
{
    const struct http_path *path = &turn->exchange->path;

    turn->exchange->ask = HTTP_ASK_PROPS;
    turn->request = (struct request){
        .kind = REQUEST_SET_PROPS,
        .key = {.type = path->type, .bucket = path->bucket},
        .u.props = {.verb = verb, .overlay = overlay},
    };
    request_options_init(&turn->request.options);
    turn->asks = true;
}

static void refuse_form(struct http_turn *turn)
{
    bool of_type = turn->exchange->path.resource == RESOURCE_TYPE_PROPS;
    struct buf text;

    buf_init(&text, 1024);
    buf_put_str(&text, of_type ? "bucket type" : "bucket");
    buf_put_str(&text, " PUT must be a JSON object of the form:\n"
                       "{\"props\":{...bucket properties...}}");
    http_answer_text(&turn->answer, 400, buf_bytes(&text));
    buf_done(&text);
}

/* Whether the body is said to be JSON. */
static bool is_json(const struct http_request *request)
{
    struct bytes header, type, charset;

    return http_header(request, BYTES_LIT("content-type"), &header) &&
           http_media_type(header, &type, &charset) &&
           bytes_eq_nocase(type, BYTES_LIT("application/json"));
}

static void put_props(struct http_turn *turn)
{
    struct http_exchange *exchange = turn->exchange;
    bool of_type = exchange->path.resource == RESOURCE_TYPE_PROPS;
    struct bytes overlay;

    enum err err = http_props_read(&exchange->arena, exchange->request.body, &overlay);
    if (err == ERR_TOO_LARGE) {
        http_answer_text(&turn->answer, 400, BYTES_LIT("too many or too large properties\n"));
        return;
    }
    if (err != ERR_OK) {
        refuse_form(turn);
        return;
    }
    if (!http_offer_json(turn))
        return;
    if (!is_json(&exchange->request)) {
        http_answer_page(&turn->answer, 415);
        return;
    }
    if (!may_change(turn) || !is_sound(turn, overlay))
        return;
    ask_change(turn, of_type ? PROPS_SET_TYPE : PROPS_SET_BUCKET, overlay);
}

static void reset_props(struct http_turn *turn)
{
    if (!http_type_known(turn))
        http_answer_page(&turn->answer, 404);
    else
        ask_change(turn, PROPS_RESET_BUCKET, BYTES_NONE);
}

void http_props_ask(struct http_turn *turn)
{
    enum http_verb verb = turn->exchange->request.verb;

    if (verb == VERB_PUT) {
        put_props(turn);
    } else if (verb == VERB_DELETE) {
        reset_props(turn);
    } else {
        ASSERT(verb == VERB_GET || verb == VERB_HEAD);
        answer_props(turn);
    }
}

void http_props_reply(struct http_turn *turn, const struct reply *reply)
{
    if (reply->kind == REPLY_ERROR)
        http_answer_error(turn, reply);
    else
        turn->answer.status = 204;
}
