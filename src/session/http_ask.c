/* SPDX-License-Identifier: Apache-2.0 */
/* From a request to the resource that it names, past what every resource refuses alike. */
#include "base/check.h"
#include "model/document.h"
#include "session/http_int.h"
#include "wire/http_accept.h"
#include "wire/reply_error.h"

enum { ERROR_TEXT_MAX = 1024 * 1024 };

/* The host and port of a URL such as http://host:port/path; empty when it has none. */
static struct bytes authority_of(struct bytes url)
{
    size_t colon = bytes_find(url, ':', 0);
    struct bytes rest = bytes_sub(url, colon, url.len);

    if (!bytes_starts(rest, BYTES_LIT("://")))
        return BYTES_NONE;
    rest = bytes_sub(rest, 3, rest.len);
    return bytes_sub(rest, 0, bytes_find(rest, '/', 0));
}

/* Whether a page of another site may be behind the request: an origin that does not tell its name,
 * or a referring page that was not served by this host. */
static bool is_foreign(const struct http_request *request, bool check_referer)
{
    struct bytes value, host;

    if (http_header(request, BYTES_LIT("origin"), &value) && bytes_eq(value, BYTES_LIT("null")))
        return true;
    if (!check_referer || !http_header(request, BYTES_LIT("referer"), &value))
        return false;
    return !http_header(request, BYTES_LIT("host"), &host) ||
           !bytes_eq_nocase(authority_of(value), host);
}

/* The resources that hold data; what a node says of itself may be asked from anywhere. */
static bool is_guarded(enum http_resource resource)
{
    switch (resource) {
    case RESOURCE_NONE:
    case RESOURCE_ROOT:
    case RESOURCE_PING:
    case RESOURCE_STATS:
    case RESOURCE_METRICS:
    case RESOURCE_ADMIN: return false; /* RESOURCE_ADMIN has stricter rules of its own */
    case RESOURCE_BUCKETS:
    case RESOURCE_BUCKET:
    case RESOURCE_PROPS:
    case RESOURCE_TYPE_PROPS:
    case RESOURCE_KEYS:
    case RESOURCE_OBJECT:
    case RESOURCE_LINKS:
    case RESOURCE_INDEX:
    case RESOURCE_COUNTER:
    case RESOURCE_DATATYPE:
    case RESOURCE_MAPRED: return true;
    }
    UNREACHABLE();
}

static void allow(struct http_turn *turn, unsigned verbs)
{
    struct buf *head = &turn->answer.head;

    buf_put_str(head, "Allow: ");
    http_verbs_put(head, verbs);
    buf_put_str(head, "\r\n");
    http_answer_page(&turn->answer, 405);
}

bool http_admit(struct http_turn *turn)
{
    const struct http_request *request = &turn->exchange->request;
    const struct http_path *path = &turn->exchange->path;
    unsigned verbs = http_path_verbs(path);

    if (path->resource == RESOURCE_NONE) {
        http_answer_page(&turn->answer, 404);
        return false;
    }
    if (turn->env->stopping) {
        http_answer_text(&turn->answer, 503, BYTES_LIT("this node is stopping\n"));
        return false;
    }
    if (request->verb == VERB_UNKNOWN) {
        http_answer_page(&turn->answer, 501);
        return false;
    }
    if ((verbs & VERB_BIT(request->verb)) == 0) {
        allow(turn, verbs);
        return false;
    }
    if (!is_guarded(path->resource))
        return true;
    const struct key key = {.type = path->type, .bucket = path->bucket, .key = path->key};
    if (!key_fits(&key)) {
        http_answer_text(&turn->answer, 400,
                         BYTES_LIT("The name of a key, a bucket or a type is too long\n"));
        return false;
    }
    if (is_foreign(request, turn->env->config->secure_referer_check)) {
        http_answer_page(&turn->answer, 403);
        return false;
    }
    if (turn->env->view->document == NULL) {
        http_answer_text(&turn->answer, 503, BYTES_LIT("this node is not ready\n"));
        return false;
    }
    return true;
}

bool http_type_known(const struct http_turn *turn)
{
    const struct document *document = turn->env->view->document;
    const struct bucket_type *type =
        document == NULL ? NULL : document_type(document, turn->exchange->path.type);

    return type != NULL && type->active;
}

bool http_offer_json(struct http_turn *turn)
{
    const struct bytes json = BYTES_LIT("application/json");

    if (http_accept_type(&turn->exchange->request, &turn->exchange->arena, &json, 1) < 0) {
        http_answer_page(&turn->answer, 406);
        return false;
    }
    http_answer_json(&turn->answer, 200);
    return true;
}

/* The type under which Riak sends the text about n_val depends on what asked. */
static void type_of_violation(struct http_turn *turn)
{
    switch (turn->exchange->ask) {
    case HTTP_ASK_GET: http_answer_type(&turn->answer, BYTES_NONE); return;
    case HTTP_ASK_DELETE: http_answer_type(&turn->answer, BYTES_LIT("text/html")); return;
    case HTTP_ASK_PUT:
    case HTTP_ASK_LIST:
    case HTTP_ASK_PROPS:
    case HTTP_ASK_ADMIN: return;
    }
    UNREACHABLE();
}

void http_answer_error(struct http_turn *turn, const struct reply *reply)
{
    struct reply error = *reply;
    struct buf text;

    ASSERT(reply->err != ERR_OK);
    if (reply->err == ERR_NO_TYPE || reply->err == ERR_NOT_ACTIVE)
        error.text = turn->exchange->path.type;
    buf_init(&text, ERROR_TEXT_MAX);
    unsigned status = reply_error_http(&text, &error);
    if (status == 304)
        turn->answer.status = 304;
    else if (text.len == 0)
        http_answer_page(&turn->answer, status);
    else
        http_answer_text(&turn->answer, status, buf_bytes(&text));
    if (reply->err == ERR_N_VAL_VIOLATION)
        type_of_violation(turn);
    buf_done(&text);
}

/* Whether a step of a walk is "bucket,tag,keep". */
static bool is_step(struct bytes step)
{
    size_t first = bytes_find(step, ',', 0);
    size_t second = bytes_find(step, ',', first + 1);
    struct bytes keep = bytes_sub(step, second + 1, step.len);

    return first > 0 && second < step.len && second > first + 1 &&
           (bytes_eq(keep, BYTES_LIT("_")) || bytes_eq(keep, BYTES_LIT("0")) ||
            bytes_eq(keep, BYTES_LIT("1")));
}

void http_links_ask(struct http_turn *turn)
{
    const struct http_path *path = &turn->exchange->path;

    for (uint32_t i = 0; i < path->steps_count; i++) {
        if (is_step(path->steps[i]))
            continue;
        http_answer_text(
            &turn->answer, 400,
            BYTES_LIT("Invalid link walk query submitted. Valid link walk query format "
                      "is: /riak/some_bucket/some_key/<bucket>,<riaktag>,0|1/..."));
        return;
    }
    if (path->form == FORM_TYPES)
        http_answer_text(&turn->answer, 403,
                         BYTES_LIT("Link-walking is not allowed on keys stored in bucket-types."));
    else
        http_answer_page(&turn->answer, 404);
}

/* Not served yet: as a Riak in which the module is switched off. */
static void ask_absent(struct http_turn *turn)
{
    http_answer_page(&turn->answer, 404);
}

void http_ask(struct http_turn *turn)
{
    struct http_exchange *exchange = turn->exchange;

    http_path_read(&exchange->request, &exchange->arena, turn->env->config->http_url_encoding,
                   &exchange->path);
    if (!http_admit(turn))
        return;
    switch (exchange->path.resource) {
    case RESOURCE_NONE: UNREACHABLE();
    case RESOURCE_ROOT: http_root_ask(turn); return;
    case RESOURCE_PING: http_ping_ask(turn); return;
    case RESOURCE_STATS: http_stats_ask(turn); return;
    case RESOURCE_METRICS: http_metrics_ask(turn); return;
    case RESOURCE_BUCKETS: http_buckets_ask(turn); return;
    case RESOURCE_BUCKET: http_bucket_ask(turn); return;
    case RESOURCE_PROPS:
    case RESOURCE_TYPE_PROPS: http_props_ask(turn); return;
    case RESOURCE_KEYS: http_keys_ask(turn); return;
    case RESOURCE_OBJECT: http_kv_ask(turn); return;
    case RESOURCE_LINKS: http_links_ask(turn); return;
    case RESOURCE_ADMIN: http_admin_ask(turn); return;
    case RESOURCE_INDEX:
    case RESOURCE_COUNTER:
    case RESOURCE_DATATYPE:
    case RESOURCE_MAPRED: ask_absent(turn); return;
    }
    UNREACHABLE();
}
