/* SPDX-License-Identifier: Apache-2.0 */
/* Listings of buckets and keys. In one piece: `{"keys":["a","b"]}`. As a stream: documents one
 * behind the other, `{"keys":["a"]}{"keys":["b"]}{"keys":[]}`, the last one empty. */
#include "base/check.h"
#include "session/http_int.h"
#include "wire/json.h"

enum { PROBLEM_TEXT_MAX = 64 * 1024 };

static struct bytes list_name(const struct http_list *list)
{
    return list->keys ? BYTES_LIT("keys") : BYTES_LIT("buckets");
}

/* One whole document with these names. */
static void put_document(struct http_list *list, const struct bytes *names, uint32_t count)
{
    struct json_out json = json_out_of(&list->text);

    json_open(&json, '{');
    json_name(&json, list_name(list));
    json_open(&json, '[');
    for (uint32_t i = 0; i < count; i++)
        json_string(&json, names[i]);
    json_close(&json, ']');
    json_close(&json, '}');
}

static void put_error(struct buf *text, const struct reply *reply)
{
    struct json_out json = json_out_of(text);
    bool late = reply->err == ERR_TIMEOUT || reply->err == ERR_UNKNOWN;

    json_open(&json, '{');
    json_put_string(&json, "error", late ? BYTES_LIT("timeout") : bytes_str(err_name(reply->err)));
    json_close(&json, '}');
}

void http_list_add(struct http_exchange *exchange, const struct reply *reply)
{
    struct http_list *list = &exchange->list;

    if (reply->kind == REPLY_ERROR) {
        put_error(&list->text, reply);
        return;
    }
    ASSERT(reply->kind == REPLY_NAMES);
    if (list->stream) {
        if (reply->names_count > 0)
            put_document(list, reply->names, reply->names_count);
        if (reply->done)
            put_document(list, NULL, 0);
        return;
    }
    struct json_out json = {.buf = &list->text, .comma = list->any};
    for (uint32_t i = 0; i < reply->names_count; i++)
        json_string(&json, reply->names[i]);
    list->any = json.comma;
}

void http_list_answer(struct http_turn *turn, const struct reply *reply)
{
    struct http_list *list = &turn->exchange->list;
    struct buf *text = &turn->answer.text;

    if (reply->kind == REPLY_ERROR && reply->err != ERR_TIMEOUT && reply->err != ERR_UNKNOWN) {
        http_answer_error(turn, reply);
        return;
    }
    if (list->text.overflow) {
        http_answer_text(&turn->answer, 500,
                         BYTES_LIT("Error:\nthe list is too long for one answer; ask for it as a "
                                   "stream\n"));
        return;
    }
    http_answer_json(&turn->answer, 200);
    if (reply->kind == REPLY_ERROR) {
        put_error(text, reply);
        return;
    }
    buf_put_str(text, "{");
    if (list->props) {
        buf_put_str(text, "\"props\":");
        http_props_put(turn, text);
        buf_put_str(text, ",");
    }
    struct json_out json = json_out_of(text);
    json_name(&json, list_name(list));
    buf_put_str(text, "[");
    buf_put(text, buf_bytes(&list->text));
    buf_put_str(text, "]}");
}

void http_list_ask(struct http_turn *turn, bool keys, bool stream)
{
    struct http_exchange *exchange = turn->exchange;
    struct http_list *list = &exchange->list;
    struct request *request = &turn->request;
    struct buf problem;
    bool expired;

    *request = (struct request){
        .kind = keys ? REQUEST_LIST_KEYS : REQUEST_LIST_BUCKETS,
        .key = {.type = exchange->path.type, .bucket = exchange->path.bucket},
    };
    request_options_init(&request->options);
    request->u.list.stream = stream;
    buf_init(&problem, PROBLEM_TEXT_MAX);
    enum err err = http_timeout_read(&exchange->request, &exchange->arena,
                                     &request->options.timeout_ms, &expired, &problem);
    exchange->ask = HTTP_ASK_LIST;
    list->keys = keys;
    list->stream = stream;
    if (err != ERR_OK) {
        http_answer_text(&turn->answer, 400, buf_bytes(&problem));
    } else if (expired) {
        const struct reply late = {.kind = REPLY_ERROR, .err = ERR_TIMEOUT};
        http_list_answer(turn, &late);
    } else {
        turn->asks = turn->exchange->request.verb != VERB_HEAD;
    }
    buf_done(&problem);
}

/* The value of `keys` or `buckets`: in one piece, as a stream, or anything else, which lists
 * nothing. Case matters. */
enum listing { LISTING_NONE, LISTING_WHOLE, LISTING_STREAM };

static enum listing read_listing(const struct http_turn *turn, struct bytes name)
{
    struct bytes value;

    if (!http_param(&turn->exchange->request, &turn->exchange->arena, name, &value))
        return LISTING_NONE;
    if (bytes_eq(value, BYTES_LIT("true")))
        return LISTING_WHOLE;
    return bytes_eq(value, BYTES_LIT("stream")) ? LISTING_STREAM : LISTING_NONE;
}

/* The part that both listings share. */
static void ask(struct http_turn *turn, bool keys, const char *nothing)
{
    if (!http_offer_json(turn))
        return;
    if (!http_type_known(turn)) {
        http_answer_page(&turn->answer, 404);
        return;
    }
    enum listing listing = read_listing(turn, keys ? BYTES_LIT("keys") : BYTES_LIT("buckets"));
    if (listing == LISTING_NONE)
        buf_put_str(&turn->answer.text, nothing);
    else
        http_list_ask(turn, keys, listing == LISTING_STREAM);
}

void http_keys_ask(struct http_turn *turn)
{
    ask(turn, true, "{}");
}

void http_buckets_ask(struct http_turn *turn)
{
    ask(turn, false, "{\"buckets\":[]}");
}

void http_bucket_ask(struct http_turn *turn)
{
    struct http_exchange *exchange = turn->exchange;
    struct bytes value;

    if (exchange->request.verb == VERB_PUT) {
        http_props_ask(turn);
        return;
    }
    if (!http_offer_json(turn))
        return;
    exchange->list.props =
        !http_param(&exchange->request, &exchange->arena, BYTES_LIT("props"), &value) ||
        !bytes_eq(value, BYTES_LIT("false"));
    enum listing listing = read_listing(turn, BYTES_LIT("keys"));
    if (listing == LISTING_NONE && !exchange->list.props)
        http_answer_page(&turn->answer, 404);
    else if (listing == LISTING_NONE)
        http_props_ask(turn);
    else
        http_list_ask(turn, true, listing == LISTING_STREAM);
    if (turn->asks && listing == LISTING_STREAM && exchange->list.props) {
        buf_put_str(&exchange->list.text, "{\"props\":");
        http_props_put(turn, &exchange->list.text);
        buf_put_str(&exchange->list.text, "}");
    }
}
