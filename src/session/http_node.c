/* SPDX-License-Identifier: Apache-2.0 */
/* What a node says of itself, and the way into its administration. */
#include "base/check.h"
#include "session/http_admin.h"
#include "session/http_int.h"
#include "session/stats.h"
#include "wire/http_accept.h"
#include "wire/json.h"

enum { CONFIG_VALUE_BYTES_MAX = 64 * 1024 };

/* Riak's list of resources: clients read from it what a server can do, by the names of Erlang
 * modules, and where. */
static const struct {
    const char *name;
    const char *path;
} resources[] = {
    {"riak_kv_wm_aaefold", "/cachedtrees"}, {"riak_kv_wm_bucket_type", "/types"},
    {"riak_kv_wm_buckets", "/buckets"},     {"riak_kv_wm_counter", "/buckets"},
    {"riak_kv_wm_crdt", "/types"},          {"riak_kv_wm_index", "/buckets"},
    {"riak_kv_wm_keylist", "/buckets"},     {"riak_kv_wm_link_walker", "/buckets"},
    {"riak_kv_wm_mapred", "/mapred"},       {"riak_kv_wm_object", "/buckets"},
    {"riak_kv_wm_ping", "/ping"},           {"riak_kv_wm_props", "/buckets"},
    {"riak_kv_wm_queue", "/queuename"},     {"riak_kv_wm_stats", "/stats"},
    {"riak_repl_wm_rtenqueue", "/rtq"},     {"riak_repl_wm_stats", "/riak-repl"},
};

static void put_root_json(struct buf *text)
{
    struct json_out json = json_out_of(text);

    json_open(&json, '{');
    for (size_t i = 0; i < ARRAY_LEN(resources); i++)
        json_put_string(&json, resources[i].name, bytes_str(resources[i].path));
    json_close(&json, '}');
}

static void put_root_page(struct buf *text)
{
    buf_put_str(text, "<html><body><ul>");
    for (size_t i = 0; i < ARRAY_LEN(resources); i++)
        buf_printf(text, "<li><a href=\"%s\">%s</a></li>", resources[i].path, resources[i].name);
    buf_put_str(text, "</ul></body></html>\n");
}

void http_root_ask(struct http_turn *turn)
{
    const struct bytes types[] = {BYTES_LIT("text/html"), BYTES_LIT("application/json")};
    struct http_exchange *exchange = turn->exchange;
    struct buf *head = &turn->answer.head;
    int choice = http_accept_type(&exchange->request, &exchange->arena, types, 2);

    if (choice < 0) {
        http_answer_page(&turn->answer, 406);
        return;
    }
    turn->answer.offers_types = true;
    http_answer_type(&turn->answer, types[choice]);
    buf_put_str(head, "Link: ");
    for (size_t i = 0; i < ARRAY_LEN(resources); i++)
        buf_printf(head, "%s<%s>; rel=\"%s\"", i == 0 ? "" : ", ", resources[i].path,
                   resources[i].name);
    buf_put_str(head, "\r\n");
    if (choice == 1)
        put_root_json(&turn->answer.text);
    else
        put_root_page(&turn->answer.text);
}

void http_ping_ask(struct http_turn *turn)
{
    http_answer_type(&turn->answer, BYTES_LIT("text/html"));
    buf_put_str(&turn->answer.text, "OK");
}

void http_stats_ask(struct http_turn *turn)
{
    const struct bytes types[] = {BYTES_LIT("application/json"), BYTES_LIT("text/plain")};
    struct http_exchange *exchange = turn->exchange;
    int choice = http_accept_type(&exchange->request, &exchange->arena, types, 2);

    if (choice < 0) {
        http_answer_page(&turn->answer, 406);
        return;
    }
    turn->answer.offers_types = true;
    turn->answer.offers_gzip = exchange->request.verb == VERB_GET;
    http_answer_type(&turn->answer, types[choice]);
    stats_json_put(&turn->answer.text, turn->env, choice == 1);
}

void http_metrics_ask(struct http_turn *turn)
{
    turn->answer.offers_gzip = true;
    http_answer_type(&turn->answer,
                     BYTES_LIT("application/openmetrics-text; version=1.0.0; charset=utf-8"));
    stats_metrics_put(&turn->answer.text, turn->env);
}

static void refuse(struct http_turn *turn, unsigned status, const char *why)
{
    struct json_out json = json_out_of(&turn->answer.text);

    http_answer_json(&turn->answer, status);
    json_open(&json, '{');
    json_put_string(&json, "error", bytes_str(why));
    json_close(&json, '}');
}

static void answer_ready(struct http_turn *turn)
{
    struct json_out json = json_out_of(&turn->answer.text);

    http_answer_json(&turn->answer, turn->env->ready ? 200 : 503);
    json_open(&json, '{');
    json_put_bool(&json, "ready", turn->env->ready);
    json_close(&json, '}');
}

/* The options and their values, as they would be written in the file. */
static void answer_config(struct http_turn *turn)
{
    struct json_out json = json_out_of(&turn->answer.text);
    uint32_t count;
    const struct config_row *rows = config_rows(&count);
    struct buf value;

    buf_init(&value, CONFIG_VALUE_BYTES_MAX);
    http_answer_json(&turn->answer, 200);
    json_open(&json, '{');
    for (uint32_t i = 0; i < count; i++) {
        buf_reset(&value);
        enum err err = config_get_text(turn->env->config, bytes_str(rows[i].name), &value);
        ASSERT(err == ERR_OK);
        json_put_string(&json, rows[i].name, buf_bytes(&value));
    }
    json_close(&json, '}');
    buf_done(&value);
}

/* The level is a word, or {"level":"word"}. */
static bool read_level(struct http_exchange *exchange, struct bytes *ret_level)
{
    static const char *const levels[] = {"debug", "info", "warning", "warn", "error"};
    struct bytes word = bytes_trim(exchange->request.body);
    const struct json *json;

    if (bytes_starts(word, BYTES_LIT("{"))) {
        if (json_read(&exchange->arena, word, &json) != ERR_OK)
            return false;
        const struct json *level = json_member(json, BYTES_LIT("level"));
        if (level == NULL || level->kind != JSON_STRING)
            return false;
        word = level->text;
    }
    for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
        if (bytes_eq(word, bytes_str(levels[i]))) {
            *ret_level = bytes_str(levels[i]);
            return true;
        }
    }
    return false;
}

static void set_log_level(struct http_turn *turn)
{
    struct bytes level;

    if (turn->exchange->request.verb != VERB_PUT) {
        http_answer_page(&turn->answer, 405);
        http_answer_header(&turn->answer, "Allow", BYTES_LIT("PUT"));
        return;
    }
    if (!read_level(turn->exchange, &level)) {
        refuse(turn, 400, "the level is debug, info, warning or error");
        return;
    }
    struct output *output = outbox_add(turn->out, OUT_SETTING);
    output->u.setting.name = BYTES_LIT("log.level");
    output->u.setting.value = level; /* a constant */
    turn->answer.status = 204;
}

/* Whether the option may be changed now, to that value; else a sentence in `why`. */
static bool may_set(struct bytes name, struct bytes value, struct buf *why)
{
    const struct config_row *row = config_row(name);
    struct config scratch;

    if (row != NULL && row->change != CONFIG_LIVE) {
        buf_put(why, name);
        buf_put_str(why, " is read when a node starts");
        return false;
    }
    config_init(&scratch);
    enum err err = config_set(&scratch, name, value, why);
    config_done(&scratch);
    return err == ERR_OK;
}

/* Options that may be changed while the node runs: {"NAME": "VALUE"}, one or more; all or none. */
static void set_config(struct http_turn *turn)
{
    const struct json *json = NULL;
    struct buf why;

    if (json_read(&turn->exchange->arena, turn->exchange->request.body, &json) != ERR_OK ||
        json->kind != JSON_OBJECT) {
        refuse(turn, 400, "the body is no JSON object of options and their values");
        return;
    }
    buf_init(&why, CONFIG_VALUE_BYTES_MAX);
    bool fine = true;
    for (const struct json *at = json->first; at != NULL && fine; at = at->next)
        fine = may_set(at->name, at->text, &why);
    if (!fine) {
        buf_put_u8(&why, 0);
        refuse(turn, 400, (const char *)why.data);
    }
    for (const struct json *at = json->first; at != NULL && fine; at = at->next) {
        struct output *output = outbox_add(turn->out, OUT_SETTING);
        output->u.setting.name = arena_copy(&turn->out->arena, at->name);
        output->u.setting.value = arena_copy(&turn->out->arena, at->text);
    }
    if (fine) {
        struct json_out out = json_out_of(&turn->answer.text);
        http_answer_json(&turn->answer, 200);
        json_open(&out, '{');
        json_put_bool(&out, "done", true);
        json_close(&out, '}');
    }
    buf_done(&why);
}

static void ask_cluster(struct http_turn *turn, bool has_origin)
{
    struct http_exchange *exchange = turn->exchange;
    struct http_answer *answer = &turn->answer;
    struct http_admin_call call = {
        .verb = exchange->request.verb,
        .path = exchange->path.rest,
        .query = exchange->request.query,
        .body = exchange->request.body,
        .loopback = turn->loopback,
        .has_origin = has_origin,
    };

    exchange->ask = HTTP_ASK_ADMIN;
    http_answer_json(answer, 200);
    switch (session_admin(&call, turn->env, &exchange->arena, &answer->text)) {
    case HTTP_ADMIN_NO_PATH: http_answer_page(answer, 404); return;
    case HTTP_ADMIN_NO_VERB:
        buf_put_str(&answer->head, "Allow: ");
        http_verbs_put(&answer->head, call.verbs);
        buf_put_str(&answer->head, "\r\n");
        http_answer_page(answer, 405);
        return;
    case HTTP_ADMIN_ANSWERED:
        ASSERT(call.status >= 200);
        http_answer_json(answer, call.status);
        return;
    case HTTP_ADMIN_ASKS:
        exchange->admin_form = call.form;
        turn->request = call.request;
        turn->asks = true;
        return;
    }
    UNREACHABLE();
}

void http_admin_ask(struct http_turn *turn)
{
    struct http_exchange *exchange = turn->exchange;
    struct bytes path = exchange->path.rest;
    struct bytes origin;
    bool has_origin = http_header(&exchange->request, BYTES_LIT("origin"), &origin);

    if (bytes_eq(path, BYTES_LIT("ready"))) {
        answer_ready(turn);
        return;
    }
    if (bytes_eq(path, BYTES_LIT("log-level")) || bytes_eq(path, BYTES_LIT("config"))) {
        if (!turn->loopback || has_origin)
            refuse(turn, 403, "only from this machine, and not from a browser");
        else if (bytes_eq(path, BYTES_LIT("config")) && exchange->request.verb == VERB_PUT)
            set_config(turn);
        else if (bytes_eq(path, BYTES_LIT("config")))
            answer_config(turn);
        else
            set_log_level(turn);
        return;
    }
    ask_cluster(turn, has_origin);
}

void http_admin_reply(struct http_turn *turn, const struct reply *reply)
{
    http_answer_json(&turn->answer, 200);
    unsigned status =
        session_admin_reply(turn->exchange->admin_form, turn->env, reply, &turn->answer.text);
    ASSERT(status >= 200);
    http_answer_json(&turn->answer, status);
}
