/* SPDX-License-Identifier: Apache-2.0 */
/* The admin API: what a call becomes, and how answers look. Field names are a promise to
 * scripts. */
#include "base/check.h"
#include "model/draft.h"
#include "model/overlay.h"
#include "session/http_admin.h"
#include "tap.h"

struct desk {
    struct arena arena;
    struct document *document;
    struct view view;
    struct stats stats;
    struct session_env env;
    struct http_admin_call call;
    enum http_admin_outcome outcome;
    struct buf answer;
};

static void desk_init(struct desk *desk)
{
    static const uint64_t cluster[2] = {1, 2}, key[2] = {3, 4};
    struct member self = {.id = 5,
                          .name = BYTES_LIT("a"),
                          .address = BYTES_LIT("h:1"),
                          .location = BYTES_LIT("r1"),
                          .weight = 100};

    memset(desk, 0, sizeof(*desk));
    arena_init(&desk->arena);
    buf_init(&desk->answer, 1 << 20);
    desk->document = draft_first(cluster, key, &self, 64, 8, 3);
    CHECK_EQ(draft_set_type(desk->document, BYTES_LIT("on"), true, BYTES_NONE), ERR_OK);
    CHECK_EQ(draft_set_type(desk->document, BYTES_LIT("off"), false, BYTES_NONE), ERR_OK);
    desk->view.document = desk->document;
    desk->view.ring = (struct ring){.slots = 64, .partitions = 8, .n_max = 3};
    desk->view.ring.place = desk->document->place;
    desk->env.view = &desk->view;
    desk->env.stats = &desk->stats;
}

static void desk_done(struct desk *desk)
{
    document_free(desk->document);
    buf_done(&desk->answer);
    arena_done(&desk->arena);
}

static void ask_as(struct desk *desk, enum http_verb verb, const char *path, const char *query,
                   const char *body, bool loopback, bool origin)
{
    buf_reset(&desk->answer);
    desk->call = (struct http_admin_call){
        .verb = verb,
        .path = bytes_str(path),
        .query = bytes_str(query),
        .body = bytes_str(body),
        .loopback = loopback,
        .has_origin = origin,
    };
    desk->outcome = session_admin(&desk->call, &desk->env, &desk->arena, &desk->answer);
}

static void ask(struct desk *desk, enum http_verb verb, const char *path, const char *body)
{
    ask_as(desk, verb, path, "", body, true, false);
}

/* The answer came at once, with this status and this in it. */
static bool answered(struct desk *desk, unsigned status, const char *part)
{
    buf_put_u8(&desk->answer, 0);
    bool good = desk->outcome == HTTP_ADMIN_ANSWERED && desk->call.status == status &&
                strstr((const char *)desk->answer.data, part) != NULL;
    if (!good)
        tap_note("outcome %u, status %u: %s", desk->outcome, desk->call.status,
                 (const char *)desk->answer.data);
    return good;
}

static bool asks(const struct desk *desk, enum admin_verb verb, const char *target,
                 const char *value)
{
    const struct admin_request *admin = &desk->call.request.u.admin;

    return desk->outcome == HTTP_ADMIN_ASKS && desk->call.request.kind == REQUEST_ADMIN &&
           admin->verb == verb && bytes_eq(admin->target, bytes_str(target)) &&
           bytes_eq(admin->value, bytes_str(value));
}

TEST(only_from_here_and_not_from_a_browser)
{
    struct desk desk;

    desk_init(&desk);
    ask_as(&desk, VERB_GET, "status", "", "", false, false);
    CHECK(answered(&desk, 403, "error"));
    ask_as(&desk, VERB_POST, "cluster/clear", "", "", true, true);
    CHECK(answered(&desk, 403, "browser"));
    desk_done(&desk);
}

TEST(what_is_looked_at)
{
    static const char *const paths[] = {"status", "members", "ring", "transfers"};
    struct desk desk;

    desk_init(&desk);
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        ask(&desk, VERB_GET, paths[i], "");
        CHECK(asks(&desk, ADMIN_STATUS, "", ""));
        ask(&desk, VERB_POST, paths[i], "");
        CHECK_EQ(desk.outcome, HTTP_ADMIN_NO_VERB);
        CHECK_EQ(desk.call.verbs, VERB_BIT(VERB_GET) | VERB_BIT(VERB_HEAD));
    }
    ask(&desk, VERB_GET, "plan", "");
    CHECK(asks(&desk, ADMIN_PLAN, "", ""));
    ask(&desk, VERB_GET, "statuses", "");
    CHECK_EQ(desk.outcome, HTTP_ADMIN_NO_PATH);
    ask(&desk, VERB_GET, "", "");
    CHECK_EQ(desk.outcome, HTTP_ADMIN_NO_PATH);
    desk_done(&desk);
}

static bool asks_sweep(const struct desk *desk, bool repair, bool all, uint32_t partition)
{
    const struct request_sweep *sweep = &desk->call.request.u.sweep;

    return desk->outcome == HTTP_ADMIN_ASKS && desk->call.request.kind == REQUEST_SWEEP &&
           sweep->repair == repair && sweep->all == all && sweep->partition == partition;
}

TEST(how_replicas_are_compared)
{
    struct desk desk;

    desk_init(&desk);
    ask(&desk, VERB_GET, "aae", "");
    CHECK(asks_sweep(&desk, false, true, 0));
    ask(&desk, VERB_POST, "aae", "");
    CHECK_EQ(desk.outcome, HTTP_ADMIN_NO_VERB);
    ask(&desk, VERB_GET, "repair", "");
    CHECK_EQ(desk.outcome, HTTP_ADMIN_NO_VERB);
    CHECK_EQ(desk.call.verbs, VERB_BIT(VERB_POST));
    ask(&desk, VERB_POST, "repair", "");
    CHECK(asks_sweep(&desk, true, true, 0));
    ask(&desk, VERB_POST, "repair", "{\"partition\": 12}");
    CHECK(asks_sweep(&desk, true, false, 12));
    CHECK(!desk.call.request.u.sweep.dry_run);
    ask_as(&desk, VERB_POST, "repair", "dry_run=true", "{\"partition\": \"0\"}", true, false);
    CHECK(asks_sweep(&desk, true, false, 0));
    CHECK(desk.call.request.u.sweep.dry_run);
    ask(&desk, VERB_POST, "repair", "{\"partition\": 4096}");
    CHECK(answered(&desk, 400, "number"));
    ask(&desk, VERB_POST, "repair", "{\"partition\": null}");
    CHECK(answered(&desk, 400, "number"));
    ask(&desk, VERB_POST, "repair", "{");
    CHECK(answered(&desk, 400, "JSON"));
    desk_done(&desk);
}

TEST(what_is_changed)
{
    struct desk desk;

    desk_init(&desk);
    ask(&desk, VERB_POST, "cluster/join", "{\"address\":\"h:9\"}");
    CHECK(asks(&desk, ADMIN_JOIN, "h:9", ""));
    CHECK(!desk.call.request.u.admin.dry_run);
    ask(&desk, VERB_POST, "cluster/leave", "{\"name\":\"b\"}");
    CHECK(asks(&desk, ADMIN_LEAVE, "b", ""));
    ask(&desk, VERB_POST, "cluster/plan", "");
    CHECK(asks(&desk, ADMIN_PLAN, "", ""));
    ask(&desk, VERB_POST, "cluster/commit", "");
    CHECK(asks(&desk, ADMIN_COMMIT, "", ""));
    ask(&desk, VERB_POST, "cluster/commit", "{\"plan\":\"00ff\"}");
    CHECK(asks(&desk, ADMIN_COMMIT, "00ff", ""));
    ask(&desk, VERB_POST, "cluster/clear", "{}");
    CHECK(asks(&desk, ADMIN_CLEAR, "", ""));
    ask(&desk, VERB_POST, "cluster/set-location", "{\"name\":\"b\",\"location\":\"r2\"}");
    CHECK(asks(&desk, ADMIN_SET_LOCATION, "b", "r2"));
    ask(&desk, VERB_POST, "cluster/set-weight", "{\"name\":\"b\",\"weight\":50}");
    CHECK(asks(&desk, ADMIN_SET_WEIGHT, "b", "50"));
    ask_as(&desk, VERB_POST, "cluster/leave", "dry_run=true", "{\"name\":\"b\"}", true, false);
    CHECK(desk.call.request.u.admin.dry_run);
    desk_done(&desk);
}

TEST(what_is_no_change)
{
    struct desk desk;

    desk_init(&desk);
    ask(&desk, VERB_GET, "cluster/join", "");
    CHECK_EQ(desk.outcome, HTTP_ADMIN_NO_VERB);
    CHECK_EQ(desk.call.verbs, VERB_BIT(VERB_POST));
    ask(&desk, VERB_POST, "cluster/join", "{\"address\":");
    CHECK(answered(&desk, 400, "JSON"));
    ask(&desk, VERB_POST, "cluster/join", "{}");
    CHECK(answered(&desk, 400, "must name"));
    ask(&desk, VERB_POST, "cluster/join", "");
    CHECK(answered(&desk, 400, "must name"));
    ask(&desk, VERB_POST, "cluster/join", "[1]");
    CHECK(answered(&desk, 400, "must name"));
    ask(&desk, VERB_POST, "cluster/explode", "{}");
    CHECK_EQ(desk.outcome, HTTP_ADMIN_NO_PATH);
    desk_done(&desk);
}

static bool asks_props(const struct desk *desk, enum props_verb verb, const char *type)
{
    return desk->outcome == HTTP_ADMIN_ASKS && desk->call.request.kind == REQUEST_SET_PROPS &&
           desk->call.request.u.props.verb == verb &&
           bytes_eq(desk->call.request.key.type, bytes_str(type));
}

TEST(bucket_types)
{
    const char *props = "{\"props\":{\"n_val\":2}}";
    struct desk desk;

    desk_init(&desk);
    ask(&desk, VERB_POST, "bucket-types/new", props);
    CHECK(asks_props(&desk, PROPS_CREATE_TYPE, "new"));
    CHECK(desk.call.request.u.props.overlay.len > 0);
    ask(&desk, VERB_POST, "bucket-types/n%20w", props);
    CHECK(asks_props(&desk, PROPS_CREATE_TYPE, "n w"));
    /* As long as it is not active it may be made anew, but not changed. */
    ask(&desk, VERB_POST, "bucket-types/off", props);
    CHECK(asks_props(&desk, PROPS_CREATE_TYPE, "off"));
    ask(&desk, VERB_PUT, "bucket-types/off", props);
    CHECK(answered(&desk, 409, "the type is not active: create it anew to change it"));
    ask(&desk, VERB_POST, "bucket-types/on", props);
    CHECK(answered(&desk, 409, "the type is active already: it can only be updated"));
    ask(&desk, VERB_PUT, "bucket-types/on", props);
    CHECK(asks_props(&desk, PROPS_SET_TYPE, "on"));
    ask(&desk, VERB_PUT, "bucket-types/none", props);
    CHECK(answered(&desk, 404, "no bucket type"));
    ask(&desk, VERB_POST, "bucket-types/off/activate", "");
    CHECK(asks_props(&desk, PROPS_ACTIVATE_TYPE, "off"));
    ask(&desk, VERB_POST, "bucket-types/none/activate", "");
    CHECK(answered(&desk, 404, "no bucket type"));
    ask(&desk, VERB_POST, "bucket-types/new", "{\"props\":{\"n_val\":0}}");
    CHECK(answered(&desk, 400, "n_val"));
    ask(&desk, VERB_POST, "bucket-types/new", "no props");
    CHECK(answered(&desk, 400, "props"));
    ask(&desk, VERB_POST, "bucket-types", props);
    CHECK(answered(&desk, 400, "name"));
    ask(&desk, VERB_DELETE, "bucket-types/on", "");
    CHECK_EQ(desk.outcome, HTTP_ADMIN_NO_VERB);
    ask_as(&desk, VERB_POST, "bucket-types/new", "dry_run=true", props, true, false);
    CHECK(answered(&desk, 200, "{\"done\":false}"));
    ask(&desk, VERB_GET, "bucket-types", "");
    CHECK(answered(&desk, 200, "{\"name\":\"off\",\"active\":false,"));
    ask(&desk, VERB_GET, "bucket-types/on", "");
    CHECK(answered(&desk, 200, "\"n_val\":3"));
    desk_done(&desk);
}

static const char *replied(struct desk *desk, const char *path, const struct reply *reply,
                           unsigned *ret_status)
{
    ask(desk, VERB_GET, path, "");
    buf_reset(&desk->answer);
    *ret_status = session_admin_reply(desk->call.form, &desk->env, reply, &desk->answer);
    buf_put_u8(&desk->answer, 0);
    return (const char *)desk->answer.data;
}

TEST(how_a_status_looks)
{
    struct status_member member = {.id = 5,
                                   .name = BYTES_LIT("a"),
                                   .address = BYTES_LIT("h:1"),
                                   .location = BYTES_LIT("r1"),
                                   .weight = 100,
                                   .state = STATE_LEAVING,
                                   .reachable = true,
                                   .votes = true,
                                   .partitions = 8,
                                   .epoch = 7};
    struct status_staged staged = {
        .kind = INTENT_WEIGHT, .node = 5, .name = BYTES_LIT("a"), .weight = 70};
    struct status_share share = {5, BYTES_LIT("a"), 8, 4};
    struct bytes warning = BYTES_LIT("careful");
    struct cluster_status status = {.cluster = {1, 2},
                                    .lineage = 1,
                                    .epoch = 7,
                                    .hash = 0xabc,
                                    .node = 5,
                                    .name = BYTES_LIT("a"),
                                    .active = true,
                                    .slots = 64,
                                    .partitions = 8,
                                    .n_max = 3,
                                    .replicas = 1,
                                    .members = &member,
                                    .members_count = 1,
                                    .staged = &staged,
                                    .staged_count = 1};
    struct reply reply = {.kind = REPLY_ADMIN, .status = &status};
    struct desk desk;
    unsigned code;

    desk_init(&desk);
    status.plan = (struct status_plan){.id = 0xdef,
                                       .moved = 4,
                                       .shares = &share,
                                       .shares_count = 1,
                                       .warnings = &warning,
                                       .warnings_count = 1,
                                       .verdict = BYTES_LIT("it can be committed")};
    CHECK_STR(replied(&desk, "status", &reply, &code),
              "{\"cluster_id\":\"00000000000000010000000000000002\",\"lineage\":1,\"epoch\":7,"
              "\"hash\":\"0000000000000abc\",\"node\":\"a\",\"node_id\":\"0000000000000005\","
              "\"active\":true,\"preparing\":false,\"forked\":false,\"joining\":\"\",\"slots\":64,"
              "\"partitions\":8,\"n_max\":3,\"replicas\":1,\"under_replicated\":true,"
              "\"members\":[{\"name\":\"a\",\"id\":\"0000000000000005\",\"address\":\"h:1\","
              "\"state\":\"leaving\",\"reachable\":true,\"partitions\":8,\"goal\":0,"
              "\"weight\":100,"
              "\"location\":\"r1\",\"holds\":false,\"votes\":true,\"epoch\":7}],"
              "\"transfers\":{\"moving\":0,\"active\":0,\"waiting\":0,\"ready\":0,"
              "\"strays\":0,\"objects\":0,\"bytes\":0,\"hints_pending\":0,"
              "\"hints_active\":0,\"hints\":0,\"hints_bytes\":0},"
              "\"disk\":{\"full\":false,\"slow\":false,\"free\":0,\"total\":0,\"free_min\":0,"
              "\"ballast\":0},"
              "\"staged\":[{\"change\":\"set-weight\",\"id\":\"0000000000000005\",\"name\":\"a\","
              "\"address\":\"\",\"location\":\"\",\"weight\":70}]}");
    CHECK_EQ(code, 200);
    CHECK_STR(replied(&desk, "plan", &reply, &code),
              "{\"epoch\":7,\"plan\":\"0000000000000def\",\"empty\":false,\"moved\":4,"
              "\"refused\":false,\"verdict\":\"it can be committed\","
              "\"nodes\":[{\"name\":\"a\",\"id\":\"0000000000000005\",\"before\":8,\"after\":4}],"
              "\"warnings\":[\"careful\"],"
              "\"staged\":[{\"change\":\"set-weight\",\"id\":\"0000000000000005\",\"name\":\"a\","
              "\"address\":\"\",\"location\":\"\",\"weight\":70}]}");
    CHECK_STR(replied(&desk, "transfers", &reply, &code),
              "{\"transfers\":{\"moving\":0,\"active\":0,\"waiting\":0,\"ready\":0,"
              "\"strays\":0,\"objects\":0,\"bytes\":0,\"hints_pending\":0,"
              "\"hints_active\":0,\"hints\":0,\"hints_bytes\":0}}");
    CHECK(strstr(replied(&desk, "ring", &reply, &code),
                 "{\"epoch\":7,\"ring\":[{\"partition\":0,\"replicas\":[\"a\"]},") != NULL);
    desk_done(&desk);
}

TEST(how_comparisons_look)
{
    struct sweep_pairing pairings[] = {
        {.partition = 1,
         .peer = 6,
         .peer_name = BYTES_LIT("b"),
         .begins = true,
         .ever = true,
         .whole = true,
         .age_ms = 1500,
         .rows = 9,
         .pulled = 1,
         .pushed = 2},
        {.partition = 2,
         .peer = 7,
         .peer_name = BYTES_LIT("c"),
         .begins = true,
         .ever = true,
         .err = ERR_TIMEOUT,
         .age_ms = 20,
         .left = 3},
        {.partition = 3, .peer = 4, .peer_name = BYTES_LIT("d"), .running = true},
    };
    struct sweep_status sweep = {.on = true,
                                 .interval_ms = 600000,
                                 .running = 1,
                                 .passes = 2,
                                 .failed = 1,
                                 .rows = 9,
                                 .pulled = 1,
                                 .pushed = 2,
                                 .left = 3,
                                 .pairings = pairings,
                                 .pairings_count = 3};
    struct reply reply = {.kind = REPLY_ADMIN, .sweep = &sweep};
    struct desk desk;
    unsigned code;

    desk_init(&desk);
    CHECK_STR(replied(&desk, "aae", &reply, &code),
              "{\"on\":true,\"interval_ms\":600000,\"running\":1,\"passes\":2,\"failed\":1,"
              "\"rows\":9,\"pulled\":1,\"pushed\":2,\"left\":3,\"partitions\":["
              "{\"partition\":1,\"peer\":\"b\",\"peer_id\":\"0000000000000006\","
              "\"begun_by\":\"node\",\"running\":false,\"result\":\"ok\",\"age_ms\":1500,"
              "\"rows\":9,\"pulled\":1,\"pushed\":2,\"left\":0},"
              "{\"partition\":2,\"peer\":\"c\",\"peer_id\":\"0000000000000007\","
              "\"begun_by\":\"node\",\"running\":false,\"result\":\"timeout\",\"age_ms\":20,"
              "\"rows\":0,\"pulled\":0,\"pushed\":0,\"left\":3},"
              "{\"partition\":3,\"peer\":\"d\",\"peer_id\":\"0000000000000004\","
              "\"begun_by\":\"peer\",\"running\":true}]}");
    CHECK_EQ(code, 200);
    desk_done(&desk);
}

TEST(how_errors_look)
{
    static const struct {
        enum err err;
        unsigned status;
    } cases[] = {{ERR_NOT_FOUND, 404},   {ERR_NO_TYPE, 404}, {ERR_BAD_REQUEST, 400},
                 {ERR_STALE, 409},       {ERR_REFUSED, 409}, {ERR_NOT_ACTIVE, 409},
                 {ERR_UNREACHABLE, 503}, {ERR_TIMEOUT, 503}, {ERR_BUSY, 503}};
    struct reply reply = {.kind = REPLY_ERROR, .err = ERR_STALE, .text = BYTES_LIT("no longer")};
    struct desk desk;
    unsigned code;

    desk_init(&desk);
    CHECK_STR(replied(&desk, "status", &reply, &code),
              "{\"error\":\"no longer\",\"kind\":\"stale\"}");
    reply.text = BYTES_NONE;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        reply.err = cases[i].err;
        (void)replied(&desk, "status", &reply, &code);
        CHECK_EQ(code, cases[i].status);
    }
    reply = (struct reply){.kind = REPLY_DONE};
    CHECK_STR(replied(&desk, "status", &reply, &code), "{\"done\":true}");
    desk_done(&desk);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        T(only_from_here_and_not_from_a_browser),
        T(what_is_looked_at),
        T(how_replicas_are_compared),
        T(what_is_changed),
        T(what_is_no_change),
        T(bucket_types),
        T(how_a_status_looks),
        T(how_comparisons_look),
        T(how_errors_look),
    };
    return tap_main(argc, argv, tests);
}
