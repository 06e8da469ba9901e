/* SPDX-License-Identifier: Apache-2.0 */
/* Objects: what is asked for GET, HEAD, PUT, POST and DELETE, and how the reply looks. The order
 * in which things are refused is Riak's, which is webmachine's: what is malformed, what does not
 * exist, what the client does not accept, what it made conditions about. */
#include "base/check.h"
#include "session/http_int.h"
#include "wire/http_accept.h"
#include "wire/http_object.h"
#include "wire/http_put.h"
#include "wire/reply_error.h"

enum { PROBLEM_TEXT_MAX = 1024 * 1024, US_PER_S = 1000000 };

static void answer_timeout(struct http_turn *turn)
{
    const struct reply late = {.kind = REPLY_ERROR, .err = ERR_TIMEOUT};

    http_answer_error(turn, &late);
}

static void answer_no_type(struct http_turn *turn)
{
    const struct reply unknown = {.kind = REPLY_ERROR, .err = ERR_NO_TYPE};

    http_answer_error(turn, &unknown);
}

/* Reads the request into `turn->request`; 0, or the status of a refusal. */
static unsigned read_request(struct http_turn *turn, struct buf *problem)
{
    struct http_exchange *exchange = turn->exchange;
    const struct http_request *http = &exchange->request;
    struct http_options *options = &exchange->options;
    struct arena *arena = &exchange->arena;

    if (http->verb == VERB_PUT || http->verb == VERB_POST) {
        exchange->ask = HTTP_ASK_PUT;
        return http_put_read(http, &exchange->path, arena, options, &turn->request, problem);
    }
    if (http->verb == VERB_DELETE) {
        exchange->ask = HTTP_ASK_DELETE;
        return http_delete_read(http, &exchange->path, arena, options, &turn->request, problem);
    }
    ASSERT(http->verb == VERB_GET || http->verb == VERB_HEAD);
    exchange->ask = HTTP_ASK_GET;
    return http_get_read(http, &exchange->path, arena, options, &turn->request, problem);
}

void http_kv_ask(struct http_turn *turn)
{
    struct buf problem;

    buf_init(&problem, PROBLEM_TEXT_MAX);
    unsigned status = read_request(turn, &problem);
    if (status != 0 && problem.len > 0) {
        http_answer_text(&turn->answer, status, buf_bytes(&problem));
    } else if (status != 0) {
        http_answer_page(&turn->answer, status);
    } else if (!http_type_known(turn)) {
        answer_no_type(turn);
    } else if (turn->exchange->options.expired) {
        answer_timeout(turn);
    } else {
        turn->asks = true;
    }
    turn->exchange->if_not_modified = turn->asks && turn->exchange->ask == HTTP_ASK_PUT &&
                                      turn->request.u.put.condition.if_not_modified;
    buf_done(&problem);
}

/* Nothing is there; of a tombstone the clock is told, with which it can be written over. */
static void answer_not_found(struct http_turn *turn, const struct object *tombstone)
{
    http_answer_text(&turn->answer, 404, BYTES_LIT("not found\n"));
    if (tombstone == NULL || turn->exchange->ask != HTTP_ASK_GET)
        return;
    http_answer_header(&turn->answer, "X-Riak-Deleted", BYTES_LIT("true"));
    http_vclock_put(&turn->answer, tombstone->clock);
}

/* 304 or 412, when the client's conditions say so; then true. */
static bool answer_condition(struct http_turn *turn, struct bytes etag, uint64_t hlc_us)
{
    struct http_condition condition;

    http_condition_read(&turn->exchange->request, &turn->exchange->arena, &condition);
    unsigned status =
        http_condition_judge(&condition, etag, hlc_us / US_PER_S, turn->wall_us / US_PER_S);
    if (status == 412)
        http_answer_page(&turn->answer, 412);
    if (status == 304) {
        turn->answer.status = 304;
        http_etag_put(&turn->answer, etag);
    }
    return status != 200;
}

static void answer_one(struct http_turn *turn, struct clock clock, const struct sibling *sibling)
{
    struct http_exchange *exchange = turn->exchange;
    struct bytes type = sibling->content.content_type;
    char vtag[VTAG_BYTES_MAX];

    if (type.len == 0)
        type = BYTES_LIT("application/octet-stream");
    if (http_accept_type(&exchange->request, &exchange->arena, &type, 1) < 0) {
        http_answer_page(&turn->answer, 406);
        return;
    }
    if (!answer_condition(turn, object_vtag(sibling->dot, vtag), sibling->hlc_us))
        http_answer_sibling(&turn->answer, &exchange->path, clock, sibling);
}

static void answer_several(struct http_turn *turn, const struct object *object)
{
    static const char *const offered[] = {"text/plain", "multipart/mixed"};
    const struct bytes types[] = {bytes_str(offered[0]), bytes_str(offered[1])};
    struct http_exchange *exchange = turn->exchange;
    char etag[VTAG_BYTES_MAX];
    int choice = http_accept_type(&exchange->request, &exchange->arena, types, 2);

    if (choice < 0) {
        http_answer_page(&turn->answer, 406);
        return;
    }
    if (answer_condition(turn, object_etag(object, etag), object_hlc_us(object)))
        return;
    http_answer_siblings(&turn->answer, &exchange->path, object, choice == 1);
    turn->answer.offers_types = true;
}

static void answer_get(struct http_turn *turn, const struct object *object)
{
    const struct http_options *options = &turn->exchange->options;

    ASSERT(object->count > 0);
    if (options->has_vtag) {
        const struct sibling *sibling = http_find_vtag(object, options->vtag);
        if (sibling == NULL)
            http_answer_page(&turn->answer, 404);
        else
            answer_one(turn, object->clock, sibling);
    } else if (object->count == 1) {
        answer_one(turn, object->clock, &object->siblings[0]);
    } else {
        answer_several(turn, object);
    }
}

/* Several values after a put: both forms are offered, the multipart one first, but a client that
 * does not say gets the list. */
static bool wants_multipart(const struct http_exchange *exchange, struct arena *arena)
{
    const struct bytes types[] = {BYTES_LIT("multipart/mixed"), BYTES_LIT("text/plain")};
    struct bytes accept;

    return http_header_joined(&exchange->request, arena, BYTES_LIT("accept"), &accept) &&
           http_accept_choose(accept, types, 2) == 0;
}

static void answer_put(struct http_turn *turn, const struct reply *reply)
{
    struct http_exchange *exchange = turn->exchange;
    struct http_answer *answer = &turn->answer;
    const struct object *object = exchange->options.return_body ? reply->object : NULL;
    bool made = reply->made_key.len > 0;

    if (made) {
        buf_put_str(&answer->head, "Location: ");
        http_location_put(&answer->head, &exchange->path, reply->made_key);
        buf_put_str(&answer->head, "\r\n");
    }
    if (object == NULL || object->count == 0) {
        answer->status = made ? 201 : 204;
        if (!made)
            return;
        struct bytes type, charset, header;
        if (http_header(&exchange->request, BYTES_LIT("content-type"), &header) &&
            http_media_type(header, &type, &charset))
            http_answer_type(answer, type);
        answer->offers_gzip = true;
        return;
    }
    if (object->count > 1) {
        http_answer_siblings(answer, &exchange->path, object,
                             wants_multipart(exchange, &exchange->arena));
        return;
    }
    http_answer_sibling(answer, &exchange->path, object->clock, &object->siblings[0]);
    if (made)
        answer->status = 201;
    else if (answer->body.len == 0)
        answer->status = 204;
}

void http_kv_reply(struct http_turn *turn, const struct reply *reply)
{
    enum http_ask ask = turn->exchange->ask;
    const struct object *object = reply->object;
    bool error = reply->kind == REPLY_ERROR;
    bool missing = (error && reply->err == ERR_NOT_FOUND) ||
                   (!error && ask == HTTP_ASK_GET && (object == NULL || object_deleted(object)));

    if (missing && turn->exchange->if_not_modified)
        http_answer_page(&turn->answer, 409);
    else if (missing)
        answer_not_found(turn, object);
    else if (error)
        http_answer_error(turn, reply);
    else if (ask == HTTP_ASK_GET)
        answer_get(turn, object);
    else if (ask == HTTP_ASK_PUT)
        answer_put(turn, reply);
    else
        turn->answer.status = 204;
}
